# Language level, warnings, sanitizers and build speed, for every target of the project.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# A room compiles against headers of the rooms below it; it need not wait for their libraries.
set(CMAKE_OPTIMIZE_DEPENDENCIES ON)

set(CADRE_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, for example address,undefined")
# GCC 12 at -O2 is wrong about moved std::variant and std::optional (maybe-uninitialized) and about std::string + text
# (array-bounds, restrict, stringop-overflow; GCC bug 105651).
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Wno-maybe-uninitialized -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Werror -fpch-preprocess)
# Memory instead of time: by default GCC collects its own garbage from 128 MiB on, a tenth of the time of a big file.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options("SHELL:--param ggc-min-heapsize=786432")
endif()
# Six neighbours are compiled as one: what they instantiate alike is instantiated once. Off in the preset `debug`, where
# each file must compile by itself.
option(CADRE_UNITY "Compile files in batches" ON)
if(CADRE_UNITY)
  # A class of one of them with members of an anonymous namespace is not the header that GCC takes it for.
  add_compile_options(-Wno-subobject-linkage)
endif()
if(CADRE_SANITIZE)
  add_compile_options(-fsanitize=${CADRE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CADRE_SANITIZE})
  # A check at each access through a pointer: a third of the build, for what AddressSanitizer sees too.
  if(CADRE_SANITIZE MATCHES "address,undefined")
    add_compile_options(-fno-sanitize=null,alignment,object-size,vptr)
  endif()
endif()

find_program(CADRE_MOLD mold)
if(CADRE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(CADRE_CCACHE ccache)
if(CADRE_CCACHE)
  # Precompiled headers are cached only with these sloppiness settings.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CADRE_CCACHE})
endif()
