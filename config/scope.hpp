#pragma once

#include "config/convert.hpp"
#include "config/load.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

/// Reading one mapping of the file by its table.
namespace cadre::config {

/// What is found while reading and checking, and where every key stands.
class findings {
 public:
  static constexpr std::size_t problems_max = 1'000;

  explicit findings(std::string file) : file_(std::move(file)) {}

  /// Adds a problem at a place. Beyond `problems_max` it only counts.
  void add(place where, std::string_view key, std::string message);
  /// Adds a problem at a key; if the key is not in the file, at the nearest mapping around it.
  void add_at(const std::string& key, std::string message);

  void remember(std::string key, place where) { places_.emplace(std::move(key), where); }
  [[nodiscard]] bool given(const std::string& key) const { return places_.contains(key); }

  /// True if a problem was added for just this key: what follows from it need not be said.
  [[nodiscard]] bool flagged(const std::string& key) const { return flagged_.contains(key); }

  /// In the order of the file, with a last line that says how many were left out.
  std::vector<problem> take();

 private:
  std::string file_;
  std::vector<problem> problems_;
  std::size_t left_out_ = 0;
  std::unordered_map<std::string, place> places_;
  std::unordered_set<std::string> flagged_;
};

/// A mapping while it is read. Made, it has complained about unknown keys, keys of versions to come and missing ones.
class scope {
 public:
  /// `at` is the dotted key of the mapping, empty for the whole file; `where` its place. With `inheriting`, absent keys
  /// leave their values alone, because those were filled from `defaults`.
  scope(findings& out, const mapping& table, const yaml::node& value, std::string at, place where,
        bool inheriting = false);

  [[nodiscard]] bool has(std::string_view name) const { return entry_of(name) != nullptr; }
  [[nodiscard]] std::string key_of(std::string_view name) const;

  /// Reads one key; absent, it takes the table's default, or stays as it is if the key has none or is inherited.
  template <class T>
  void read(std::string_view name, T& value) const {
    const key& row = row_of(name);
    if (const auto* e = entry_of(name)) {
      if (auto bad = convert(row, *e->value, value)) complain(name, *bad);
    } else if (!row.fallback.empty() && !keeps(row)) {
      yaml::node written;
      written.type = yaml::node::kind::scalar;
      written.text = row.fallback;
      convert(row, written, value);
    }
  }

  /// Reads a list; each item complains at its own place. A node list may be a single scalar.
  template <class T>
  void read_list(std::string_view name, std::vector<T>& values) const {
    each_item(name, [&](const key& row, const yaml::node& item, const std::string& at) {
      T value{};
      if (auto bad = convert(row, item, value))
        out_->add(item.where, at, *bad);
      else
        values.push_back(std::move(value));
    });
  }

  /// Reads names and texts.
  void read_map(std::string_view name, std::map<std::string, std::string>& values) const;

  /// The mapping below a key; empty if the key is absent, so that reading it fills in the defaults.
  [[nodiscard]] scope inner(std::string_view name) const;

  /// Calls for each named mapping below a key, in the order of the file. The name is checked to be of the given shape.
  void each_inner(std::string_view name, shape names,
                  const std::function<void(const std::string&, const scope&)>& visit) const;

  /// Calls for each mapping of a list.
  void each_listed(std::string_view name, const std::function<void(const scope&)>& visit) const;

  /// Complains about the keys that an agent of this role may not have.
  void check_roles(agent_role role) const;

  void complain(std::string_view name, const std::string& message) const;
  /// False if something else than a mapping stands there, which was complained about.
  [[nodiscard]] bool is_mapping() const noexcept { return is_mapping_; }

 private:
  using item_visit = std::function<void(const key&, const yaml::node&, const std::string&)>;

  [[nodiscard]] const key& row_of(std::string_view name) const;
  [[nodiscard]] const yaml::entry* entry_of(std::string_view name) const;
  [[nodiscard]] bool keeps(const key& row) const noexcept { return inheriting_ || row.inherited; }
  void each_item(std::string_view name, const item_visit& visit) const;
  void check_keys() const;

  findings* out_;
  const mapping* table_;
  const yaml::node* value_;
  std::string at_;
  place where_;
  bool inheriting_;
  bool is_mapping_ = true;
};

}  // namespace cadre::config
