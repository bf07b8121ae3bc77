#pragma once

#include "config/place.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// A YAML text as a plain tree that keeps the place of every key and value. The only user of yaml-cpp.
namespace cadre::config::yaml {

inline constexpr std::size_t text_bytes_max = 1024 * 1024;
inline constexpr int depth_max = 64;
/// Nodes of a document after its aliases are expanded: what keeps a chain of aliases from growing without end.
inline constexpr std::size_t nodes_max = 400'000;

struct node;
/// Shared, because an alias is the node of its anchor.
using node_ptr = std::shared_ptr<node>;

struct entry {
  std::string key;
  place where;  ///< Of the key.
  node_ptr value;
};

struct node {
  enum class kind { null, scalar, list, map };

  kind type = kind::null;
  place where;
  std::string text;          ///< Of a scalar.
  bool quoted = false;       ///< A quoted or block scalar: it is a text, whatever it looks like.
  bool substituted = false;  ///< `text` holds a secret or a variable; messages quote `written` instead.
  std::string written;       ///< Of a substituted scalar: what stands in the file.
  std::vector<node_ptr> items;
  std::vector<entry> entries;  ///< In the order of the file. Merge keys (`<<`) are resolved.
  int height = 1;
  std::size_t nodes = 1;  ///< With everything below, aliases expanded.

  [[nodiscard]] const entry* find(std::string_view key) const noexcept;
};

/// A defect of the text itself.
struct fault {
  place where;
  std::string key;  ///< Dotted; may be empty.
  std::string message;
};

struct document {
  node_ptr root;  ///< Null if the text could not be parsed.
  std::vector<fault> faults;
};

/// Parses one document. Never throws; a syntax error is one fault and no root. Duplicate keys are faults beside a root.
document parse(std::string_view text);

/// How a value is quoted in messages: what stands in the file, shortened; never what a reference was replaced with.
std::string quote(const node& value);

}  // namespace cadre::config::yaml
