#pragma once

#include "config/yaml_tree.hpp"

#include <string>
#include <vector>

namespace cadre::config {

inline constexpr std::size_t secret_bytes_max = 64 * 1024;

/// Replaces `${env:NAME}` and `${file:PATH}` (relative to `folder`; line ends at its end are dropped) in every scalar
/// value; `$${env:NAME}` stands for the text `${env:NAME}`. What was replaced is not looked at again. A variable that
/// is not set, and a file that can't be read, is not UTF-8 or has more than `secret_bytes_max` bytes, is a fault; no
/// fault quotes a replaced value. Blocks on the file system.
std::vector<yaml::fault> substitute(yaml::node& root, const std::string& folder);

/// Reads a regular file of at most `bytes_max` bytes. Returns an empty text when all went well, else why it did not.
std::string read_file(const std::string& path, std::size_t bytes_max, std::string& out);

}  // namespace cadre::config
