#include "config/check.hpp"
#include "config/read.hpp"

#include <cstdlib>
#include <filesystem>
#include <unistd.h>
#include <unordered_map>

namespace cadre::config {
namespace {

/// What keeps a file from being executed; empty if nothing does.
std::string obstacle(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) return "does not exist";
  if (error) return "can't be looked at: " + error.message();
  if (!std::filesystem::is_regular_file(status)) return "is not a file";
  return ::access(file.c_str(), X_OK) == 0 ? "" : "may not be executed (chmod +x)";
}

std::string find_in_path(const std::string& program) {
  const char* const set = std::getenv("PATH");
  const std::string_view folders = set != nullptr && *set != '\0' ? set : "/usr/local/bin:/usr/bin:/bin";
  for (const auto folder : split(folders, ':'))
    if (obstacle(std::filesystem::path(folder.empty() ? "." : folder) / program).empty()) return {};
  return "there is no program `" + program + "` in PATH; install it, or give a path with a slash";
}

std::string find_program(const std::string& program, const std::string& folder) {
  if (program.empty()) return "the program is empty; give a name or a path";
  if (program.find('/') == std::string::npos) return find_in_path(program);
  const auto file = (std::filesystem::path(folder) / program).lexically_normal();
  const auto why = obstacle(file);
  return why.empty() ? "" : file.string() + " " + why + "; a path with a slash is relative to the folder of this file";
}

}  // namespace

void check_commands(const company& c, findings& out) {
  std::unordered_map<std::string, std::string> known;
  for (const auto& a : c.agents) {
    if (a.run.command.empty()) continue;
    const auto [found, is_new] = known.try_emplace(a.run.command.front());
    if (is_new) found->second = find_program(found->first, c.folder);
    if (!found->second.empty()) out.add_at(config_key(a.path) + ".run.command[0]", found->second);
  }
}

}  // namespace cadre::config
