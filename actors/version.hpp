#pragma once

#include <string_view>

namespace cadre::actors {

/// The release, the commit it was built from (with `-dirty` where files had changed) and the kind of build.
extern const std::string_view version_text;
extern const std::string_view commit_text;
extern const std::string_view build_type_text;

}  // namespace cadre::actors
