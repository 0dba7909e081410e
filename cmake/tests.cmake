# One test executable for all C++ tests, and one ctest entry for each Python test file.

file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS src/*_test.cpp tests/*_test.cpp
     tests/support/*.cpp)
if(test_sources)
  add_executable(kingpost_tests ${test_sources})
  target_include_directories(kingpost_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(kingpost_tests PRIVATE kingpost_parts GTest::gmock GTest::gtest_main)
  target_precompile_headers(kingpost_tests PRIVATE cmake/pch_tests.h)
  # One file alone knows where the checkout is: absolute paths in the flags of all would make ccache
  # miss in another folder.
  if(EXISTS ${CMAKE_SOURCE_DIR}/tests/support/places.cpp)
    set_source_files_properties(
      tests/support/places.cpp
      PROPERTIES
        COMPILE_DEFINITIONS
        "KINGPOST_SOURCE_DIR=\"${CMAKE_SOURCE_DIR}\";KINGPOST_BINARY_DIR=\"${CMAKE_BINARY_DIR}\""
        SKIP_PRECOMPILE_HEADERS ON)
  endif()
  kingpost_finish_executable(kingpost_tests)
  if(TARGET kingpost)
    # Tests that run the program need it to be there.
    add_dependencies(kingpost_tests kingpost kingpost-serve)
  endif()
  include(GoogleTest)
  gtest_discover_tests(kingpost_tests DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY
                       ${CMAKE_SOURCE_DIR} PROPERTIES LABELS unit)
endif()

# Random expressions, the engine against the graph: a fixed seed as a test, more by `make fuzz`.
file(GLOB fuzz_sources CONFIGURE_DEPENDS fuzz/*.cpp)
add_executable(kingpost_fuzz_expression ${fuzz_sources} tests/support/expression_oracle.cpp)
target_include_directories(kingpost_fuzz_expression PRIVATE ${CMAKE_SOURCE_DIR}
                                                            ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(kingpost_fuzz_expression PRIVATE kingpost_parts)
kingpost_finish_executable(kingpost_fuzz_expression)
add_test(NAME fuzz/expression COMMAND kingpost_fuzz_expression --expressions 300 --rows 200 --seed 7)
set_tests_properties(fuzz/expression PROPERTIES LABELS fuzz)

# A graph by columns and by the runtime, in process: bench/graph.py.
add_executable(kingpost_bench_graph bench/graph.cpp)
target_include_directories(kingpost_bench_graph PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(kingpost_bench_graph PRIVATE kingpost_parts)
kingpost_finish_executable(kingpost_bench_graph)

find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
set(clients_python ${deps}/venv/clients/bin/python)
# They and MLflow want other versions of protobuf.
set(serving_python ${deps}/venv/tritonclient/bin/python)
file(GLOB_RECURSE python_tests CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} tools/*_test.py
     tests/*_test.py)
foreach(file IN LISTS python_tests)
  string(REGEX REPLACE "\\.py$" "" name ${file})
  if(file MATCHES "^tests/clients/")
    # Real clients are heavy, so they are installed only when asked for: tools/setup.py --with clients.
    set(python ${clients_python})
    if(file MATCHES "^tests/clients/serving/")
      set(python ${serving_python})
    endif()
    if(EXISTS ${python})
      add_test(NAME ${name} COMMAND ${python} -m pytest -q ${file} WORKING_DIRECTORY
                                    ${CMAKE_SOURCE_DIR})
      set_tests_properties(${name} PROPERTIES LABELS clients)
    endif()
  else()
    add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} ${file} WORKING_DIRECTORY
                                  ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS python)
  endif()
  if(TEST ${name})
    set_tests_properties(${name} PROPERTIES ENVIRONMENT
                                            "KINGPOST=${CMAKE_BINARY_DIR}/kingpost;PYTHONDONTWRITEBYTECODE=1")
  endif()
endforeach()
