#include "bench/newsbench/histogram.h"
