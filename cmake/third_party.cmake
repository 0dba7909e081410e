# Libraries that the set-up installed. tools/header_owners.toml says which folder may include which header.

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(SQLite3 REQUIRED)
find_package(LibArchive REQUIRED)
find_package(ZLIB REQUIRED)
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

file(GLOB adbc_sources ${deps}/adbc/src/*.cc)
add_library(adbc_driver_manager STATIC ${adbc_sources})
target_include_directories(adbc_driver_manager SYSTEM PUBLIC ${deps}/adbc/include)
target_include_directories(adbc_driver_manager SYSTEM PRIVATE ${deps}/adbc/src)
# It only passes calls on, a few for each statement: optimising it buys nothing and costs a minute.
target_compile_options(adbc_driver_manager PRIVATE -w -O0 -g0 -fno-sanitize=all)
target_link_libraries(adbc_driver_manager PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
add_library(kingpost::adbc ALIAS adbc_driver_manager)

target_link_libraries(kingpost_flags INTERFACE fmt::fmt yaml-cpp nlohmann_json::nlohmann_json
                                               CLI11::CLI11 Threads::Threads)
