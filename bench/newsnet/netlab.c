#include "bench/newsnet/netlab.h"
