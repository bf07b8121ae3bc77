#include "config/load.hpp"

#include "config/check.hpp"
#include "config/read.hpp"
#include "config/substitute.hpp"
#include "config/yaml_tree.hpp"

#include <filesystem>

namespace cadre::config {
namespace {

std::string absolute(const std::string& file) {
  std::error_code error;
  const auto path = std::filesystem::absolute(file.empty() ? "." : file, error).lexically_normal();
  return error ? file : path.string();
}

loaded read_text(std::string_view text, const std::string& file) {
  loaded made;
  made.value.file = absolute(file);
  made.value.folder = std::filesystem::path(made.value.file).parent_path().string();
  findings found(file);
  const auto document = yaml::parse(text);
  for (const auto& fault : document.faults) found.add(fault.where, fault.key, fault.message);
  if (document.root) {
    for (const auto& fault : substitute(*document.root, made.value.folder))
      found.add(fault.where, fault.key, fault.message);
    const place start{.line = 1, .column = 1};
    const scope root(found, company_keys, *document.root, "", start);
    if (document.root->type == yaml::node::kind::map) {
      read_company(root, made.value);
      fill_nodes(made.value);
      check(made.value, found);
      expand_pools(made.value);
    }
  }
  made.problems = found.take();
  return made;
}

}  // namespace

std::string problem::text() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!key.empty()) text += ": " + key;
  return text + ": " + message;
}

loaded load_text(std::string_view yaml, const std::string& file) {
  try {
    return read_text(yaml, file);
  } catch (const std::exception& e) {
    loaded failed;
    findings found(file);
    found.add({}, "", std::string("could not be read: ") + e.what());
    failed.problems = found.take();
    return failed;
  }
}

loaded load_file(const std::string& path) {
  std::string text;
  std::string error;
  try {
    error = read_file(path, yaml::text_bytes_max, text);
  } catch (const std::exception& e) {
    error = e.what();
  }
  if (error.empty()) return load_text(text, path);
  loaded failed;
  findings found(path);
  found.add({}, "", error);
  failed.problems = found.take();
  return failed;
}

}  // namespace cadre::config
