#pragma once

#include <string>

namespace CLI {
class App;
}

namespace cadre::cli {

/// The completion script of `shell` (bash, zsh, fish): subcommands and options, read off the application itself, so
/// that it can't fall behind.
std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace cadre::cli
