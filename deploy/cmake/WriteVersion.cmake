# Writes OUTPUT from the present commit, and leaves it alone where nothing changed: run at every build.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "unknown")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[#include "actors/version.hpp"

namespace cadre::actors {

const std::string_view version_text = "@VERSION@";
const std::string_view commit_text = "@commit@";
const std::string_view build_type_text = "@BUILD_TYPE@";

}  // namespace cadre::actors
]] @ONLY)
