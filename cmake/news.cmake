# What every target of ours is compiled with, and how a test is declared.

add_library(news_flags INTERFACE)
target_compile_features(news_flags INTERFACE c_std_11)
target_compile_definitions(news_flags INTERFACE _GNU_SOURCE NEWS_VERSION="${PROJECT_VERSION}")
target_include_directories(news_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(news_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wwrite-strings -Wformat=2 -fno-common
    $<$<BOOL:${NEWS_WERROR}>:-Werror>)

if(NEWS_SANITIZE)
    target_compile_options(news_flags INTERFACE
        -fsanitize=${NEWS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(news_flags INTERFACE -fsanitize=${NEWS_SANITIZE})
endif()
if(NEWS_FUZZ)
    target_compile_options(news_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# news_add_test(NAME LINK lib...): a cmocka program made of NAME.c
function(news_add_test name)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    add_executable(${name} ${name}.c)
    target_link_libraries(${name} PRIVATE ${ARG_LINK} news_flags PkgConfig::CMOCKA)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120
        ENVIRONMENT "NEWS_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
endfunction()
