# cadre_room(NAME LINKS other-rooms-and-libraries... PRIVATE_LINKS libraries...)
#
# One static library per room, from every .cpp below its folder. A room's headers are reached as "NAME/header.hpp"
# through a folder of its own that holds one link, so an include of a room that is not linked does not compile.
function(cadre_room name)
  cmake_parse_arguments(ROOM "" "" "LINKS;PRIVATE_LINKS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(excluded IN LISTS ROOM_EXCLUDE)
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${excluded})
  endforeach()
  set(door ${CMAKE_BINARY_DIR}/rooms/${name})
  file(MAKE_DIRECTORY ${door})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${door}/${name} SYMBOLIC)

  add_library(cadre_${name} STATIC ${sources})
  add_library(cadre::${name} ALIAS cadre_${name})
  target_include_directories(cadre_${name} PUBLIC ${door})
  target_link_libraries(cadre_${name} PUBLIC ${ROOM_LINKS} PRIVATE ${ROOM_PRIVATE_LINKS})
  set_target_properties(cadre_${name} PROPERTIES UNITY_BUILD ${CADRE_UNITY} UNITY_BUILD_BATCH_SIZE 6)
endfunction()
