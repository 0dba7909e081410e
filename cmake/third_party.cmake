# Libraries that the set-up installed. tools/header_owners.toml says which folder may include which header.

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(SQLite3 REQUIRED)
find_package(LibArchive REQUIRED)
find_package(ZLIB REQUIRED)
find_package(simdjson REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)

# Debian's SOCI ships no package file for CMake.
find_path(SOCI_INCLUDE soci/soci.h REQUIRED)
find_library(SOCI_CORE soci_core REQUIRED)
find_library(SOCI_SQLITE3 soci_sqlite3 REQUIRED)
mark_as_advanced(SOCI_INCLUDE SOCI_CORE SOCI_SQLITE3)
add_library(kingpost_soci INTERFACE)
target_include_directories(kingpost_soci SYSTEM INTERFACE ${SOCI_INCLUDE})
# Debian's soci-config.h pulls in Boost.Fusion for row types that we do not use: 150 MB to install and
# seconds in each file. Its include guard, set here, skips it; the two settings that matter stay.
target_compile_definitions(kingpost_soci INTERFACE SOCICONFIG_H_INCLUDED SOCI_HAVE_CXX11
                                                   SOCI_HAVE_VISIBILITY_SUPPORT)
target_link_libraries(kingpost_soci INTERFACE ${SOCI_CORE} ${SOCI_SQLITE3})
add_library(kingpost::soci ALIAS kingpost_soci)

find_path(NGHTTP2_INCLUDE nghttp2/nghttp2.h REQUIRED)
find_library(NGHTTP2 nghttp2 REQUIRED)
mark_as_advanced(NGHTTP2_INCLUDE NGHTTP2)
add_library(kingpost_nghttp2 INTERFACE)
target_include_directories(kingpost_nghttp2 SYSTEM INTERFACE ${NGHTTP2_INCLUDE})
target_link_libraries(kingpost_nghttp2 INTERFACE ${NGHTTP2})
add_library(kingpost::nghttp2 ALIAS kingpost_nghttp2)

# Only the core of it: its own package file for CMake also wants its server.
find_path(PROMETHEUS_INCLUDE prometheus/text_serializer.h REQUIRED)
find_library(PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
mark_as_advanced(PROMETHEUS_INCLUDE PROMETHEUS_CORE)
add_library(kingpost_prometheus INTERFACE)
target_include_directories(kingpost_prometheus SYSTEM INTERFACE ${PROMETHEUS_INCLUDE})
target_link_libraries(kingpost_prometheus INTERFACE ${PROMETHEUS_CORE})
add_library(kingpost::prometheus ALIAS kingpost_prometheus)

file(GLOB adbc_sources ${deps}/adbc/src/*.cc)
add_library(adbc_driver_manager STATIC ${adbc_sources})
target_include_directories(adbc_driver_manager SYSTEM PUBLIC ${deps}/adbc/include)
target_include_directories(adbc_driver_manager SYSTEM PRIVATE ${deps}/adbc/src)
# It only passes calls on, a few for each statement: optimising it buys nothing and costs a minute.
target_compile_options(adbc_driver_manager PRIVATE -w -O0 -g0 -fno-sanitize=all)
target_link_libraries(adbc_driver_manager PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
add_library(kingpost::adbc ALIAS adbc_driver_manager)

# Both are opened at run time: loading them costs tens of milliseconds, so only a step that needs
# one pays. CMakeLists.txt places the libraries.
foreach(name onnxruntime lightgbm)
  add_library(kingpost_${name}_headers INTERFACE)
  target_include_directories(kingpost_${name}_headers SYSTEM INTERFACE ${deps}/${name}/include)
  target_link_libraries(kingpost_${name}_headers INTERFACE ${CMAKE_DL_LIBS})
  add_library(kingpost::${name}_headers ALIAS kingpost_${name}_headers)
endforeach()

# The proto file asks for the lite runtime. Linked statically it adds less than 0.1 ms to a start;
# shared, 0.3 ms. The header is made when configuring, so that clang-tidy finds it without a build.
set(Protobuf_USE_STATIC_LIBS ON)
find_package(Protobuf REQUIRED)
set(onnx_proto ${deps}/onnx/onnx/onnx-ml.proto)
set(generated ${CMAKE_BINARY_DIR}/generated)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${onnx_proto})
if(${onnx_proto} IS_NEWER_THAN ${generated}/onnx/onnx-ml.pb.h)
  file(MAKE_DIRECTORY ${generated})
  execute_process(COMMAND ${Protobuf_PROTOC_EXECUTABLE} -I ${deps}/onnx --cpp_out=${generated}
                          ${onnx_proto} COMMAND_ERROR_IS_FATAL ANY)
endif()
add_library(kingpost_onnx_proto STATIC ${generated}/onnx/onnx-ml.pb.cc)
target_include_directories(kingpost_onnx_proto SYSTEM PUBLIC ${generated} ${Protobuf_INCLUDE_DIRS})
target_compile_options(kingpost_onnx_proto PRIVATE -w -g0)
target_link_libraries(kingpost_onnx_proto PUBLIC protobuf::libprotobuf-lite Threads::Threads)
add_library(kingpost::onnx_proto ALIAS kingpost_onnx_proto)

# The messages of the Open Inference Protocol, made as those of ONNX are.
set(service_proto ${CMAKE_SOURCE_DIR}/src/protocols/open_inference/grpc_service.proto)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${service_proto})
if(${service_proto} IS_NEWER_THAN ${generated}/inference/grpc_service.pb.h)
  file(MAKE_DIRECTORY ${generated}/inference)
  execute_process(
    COMMAND ${Protobuf_PROTOC_EXECUTABLE} -I ${CMAKE_SOURCE_DIR}/src/protocols/open_inference
            --cpp_out=${generated}/inference ${service_proto} COMMAND_ERROR_IS_FATAL ANY)
endif()
add_library(kingpost_service_proto STATIC ${generated}/inference/grpc_service.pb.cc)
target_include_directories(kingpost_service_proto SYSTEM PUBLIC ${generated}
                                                                ${Protobuf_INCLUDE_DIRS})
target_compile_options(kingpost_service_proto PRIVATE -w -g0)
target_link_libraries(kingpost_service_proto PUBLIC protobuf::libprotobuf-lite Threads::Threads)
add_library(kingpost::service_proto ALIAS kingpost_service_proto)

# Static, with the reference BLAS: another BLAS that the machine has set as default would change the
# last digits of a model, and some start threads when they are loaded.
find_path(LIBLINEAR_INCLUDE linear.h REQUIRED)
find_library(LIBLINEAR liblinear.a REQUIRED)
find_library(REFERENCE_BLAS libblas.a PATH_SUFFIXES blas ${CMAKE_LIBRARY_ARCHITECTURE}/blas
             REQUIRED)
mark_as_advanced(LIBLINEAR_INCLUDE LIBLINEAR REFERENCE_BLAS)
add_library(kingpost_linear INTERFACE)
target_include_directories(kingpost_linear SYSTEM INTERFACE ${LIBLINEAR_INCLUDE})
target_link_libraries(kingpost_linear INTERFACE ${LIBLINEAR} ${REFERENCE_BLAS})
add_library(kingpost::linear ALIAS kingpost_linear)

target_link_libraries(kingpost_flags INTERFACE fmt::fmt yaml-cpp nlohmann_json::nlohmann_json
                                               CLI11::CLI11 Threads::Threads)
