#include "config/substitute.hpp"

#include "config/utf8.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unordered_set>

namespace cadre::config {
namespace {

constexpr std::string_view env_mark = "${env:";
constexpr std::string_view file_mark = "${file:";

class replacer {
 public:
  explicit replacer(const std::string& folder) : folder_(folder) {}

  std::vector<yaml::fault> faults;

  void visit(yaml::node& n, const std::string& key) {
    if (!seen_.insert(&n).second) return;
    if (n.type == yaml::node::kind::scalar) replace(n, key);
    for (std::size_t i = 0; i < n.items.size(); ++i) visit(*n.items[i], key + "[" + std::to_string(i) + "]");
    for (const auto& e : n.entries) visit(*e.value, key.empty() ? e.key : key + "." + e.key);
  }

 private:
  void replace(yaml::node& n, const std::string& key) {
    if (n.text.find(env_mark) == std::string::npos && n.text.find(file_mark) == std::string::npos) return;
    const auto faults_before = faults.size();
    std::string made;
    bool replaced = false;
    std::string_view rest = n.text;
    while (!rest.empty()) {
      const auto at = std::min(rest.find(env_mark), rest.find(file_mark));
      if (at == std::string_view::npos) break;
      const auto mark = rest.substr(at).starts_with(env_mark) ? env_mark : file_mark;
      if (at > 0 && rest[at - 1] == '$') {  // Escaped: one of the two dollars stays.
        made += rest.substr(0, at - 1);
        made += mark;
        rest.remove_prefix(at + mark.size());
        continue;
      }
      made += rest.substr(0, at);
      rest.remove_prefix(at + mark.size());
      const auto end = rest.find('}');
      if (end == std::string_view::npos) {
        faults.push_back({n.where, key, "`" + std::string(mark) + "` is never closed by `}`"});
        return;
      }
      made += value_of(mark, std::string(rest.substr(0, end)), n.where, key);
      replaced = true;
      rest.remove_prefix(end + 1);
    }
    if (faults.size() > faults_before) return;
    made += rest;
    if (replaced) {
      n.written = n.text;
      n.substituted = true;
    }
    n.text = std::move(made);
  }

  std::string value_of(std::string_view mark, const std::string& name, place where, const std::string& key) {
    std::string value;
    if (mark == env_mark) {
      const char* const found = std::getenv(name.c_str());
      if (found == nullptr)
        faults.push_back({where, key, "`${env:" + name + "}`: the environment variable " + name + " is not set"});
      else
        value = found;
    } else {
      const auto path = (std::filesystem::path(folder_) / name).lexically_normal().string();
      const auto error = read_file(path, secret_bytes_max, value);
      if (!error.empty()) faults.push_back({where, key, "`${file:" + name + "}`: " + path + ": " + error});
      while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
    }
    if (find_bad_text(value)) {
      faults.push_back(
          {where, key, "`" + std::string(mark) + name + "}`: its value is not UTF-8 text without control characters"});
      value.clear();
    }
    return value;
  }

  const std::string& folder_;
  std::unordered_set<const yaml::node*> seen_;  ///< An alias is visited once.
};

}  // namespace

std::vector<yaml::fault> substitute(yaml::node& root, const std::string& folder) {
  replacer r(folder);
  r.visit(root, "");
  return std::move(r.faults);
}

std::string read_file(const std::string& path, std::size_t bytes_max, std::string& out) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return "no such file";
  if (error) return error.message();
  if (!std::filesystem::is_regular_file(status)) return "not a regular file";
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::string("it can't be opened: ") + std::strerror(errno);
  std::string text(bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return "it can't be read";
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > bytes_max) return "too large; at most " + std::to_string(bytes_max) + " bytes are allowed";
  out = std::move(text);
  return {};
}

}  // namespace cadre::config
