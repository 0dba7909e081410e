# Flags, linker and compiler cache: everything that holds for all targets.

set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1 -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # ccache can read a file that uses a precompiled header only with this flag.
  add_compile_options(-fpch-preprocess)
endif()

if(KINGPOST_SANITIZE)
  # Debian's SOCI hides its type information, which the vptr check would need.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  # The shared runtime makes dlopen look from its own place, so that our run path is not searched.
  add_link_options(-fsanitize=address,undefined -static-libasan)
endif()

find_program(MOLD mold)
find_program(LLD ld.lld)
mark_as_advanced(MOLD LLD)
if(MOLD)
  add_link_options(-fuse-ld=mold)
elseif(LLD)
  add_link_options(-fuse-ld=lld)
endif()

# Paths are hashed relative to the checkout, so that a clone in another folder finds the same objects.
find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(KINGPOST_CCACHE AND CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_library(kingpost_flags INTERFACE)
target_include_directories(kingpost_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(kingpost_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                                -Werror)
# The sanitizers' own code makes g++ see values that were never set (its bug 105562).
if(KINGPOST_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(kingpost_flags INTERFACE -Wno-maybe-uninitialized)
endif()
# g++ 12 sees impossible sizes in its own std::string once it inlines (its bugs 105329 and 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(kingpost_flags INTERFACE -Wno-stringop-overflow -Wno-restrict)
endif()
