#include "config/scope.hpp"

#include <algorithm>
#include <cassert>
#include <set>
#include <tuple>

namespace cadre::config {
namespace {

const yaml::node& empty_map() {
  static const yaml::node empty = [] {
    yaml::node n;
    n.type = yaml::node::kind::map;
    return n;
  }();
  return empty;
}

std::string dotted(const std::string& at, std::string_view name) {
  return at.empty() ? std::string(name) : at + "." + std::string(name);
}

/// A choice within a list is checked as a choice of its own, a path as a path.
key item_row(const key& list) {
  key row = list;
  switch (list.type) {
    case shape::choices:
      row.type = shape::choice;
      break;
    case shape::date_list:
      row.type = shape::date;
      break;
    case shape::path_list:
      row.type = shape::path;
      break;
    case shape::node_list:
      row.type = shape::token;
      break;
    case shape::argv:
      row.type = shape::argument;
      break;
    default:
      row.type = shape::text;
      break;
  }
  return row;
}

}  // namespace

void findings::add(place where, std::string_view key, std::string message) {
  flagged_.emplace(key);
  if (problems_.size() >= problems_max) {
    ++left_out_;
    return;
  }
  problem p;
  p.file = file_;
  p.line = where.line;
  p.column = where.column;
  p.key = key;
  p.message = std::move(message);
  problems_.push_back(std::move(p));
}

void findings::add_at(const std::string& key, std::string message) {
  std::string near = key;
  while (!near.empty() && !places_.contains(near)) {
    const auto end = near.find_last_of(".[");
    near.resize(end == std::string::npos ? 0 : end);
  }
  const auto found = places_.find(near);
  add(found == places_.end() ? place{.line = 1, .column = 1} : found->second, key, std::move(message));
}

std::vector<problem> findings::take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const problem& a, const problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  // An alias is read at each of its uses; what is wrong with it is said once.
  const auto same = [](const problem& a, const problem& b) {
    return a.line == b.line && a.column == b.column && a.key == b.key && a.message == b.message;
  };
  problems_.erase(std::unique(problems_.begin(), problems_.end(), same), problems_.end());
  if (left_out_ > 0) {
    problem more;
    more.file = file_;
    more.message = "and " + std::to_string(left_out_) + " more problems";
    problems_.push_back(std::move(more));
  }
  return std::move(problems_);
}

scope::scope(findings& out, const mapping& table, const yaml::node& value, std::string at, place where, bool inheriting)
    : out_(&out), table_(&table), value_(&value), at_(std::move(at)), where_(where), inheriting_(inheriting) {
  if (value.type != yaml::node::kind::map) {
    if (value.type != yaml::node::kind::null)
      out.add(where, at_, "found " + yaml::quote(value) + "; allowed: a mapping of " + join(table.names()));
    value_ = &empty_map();
    is_mapping_ = value.type == yaml::node::kind::null;
    if (!is_mapping_) return;
  }
  check_keys();
}

std::string scope::key_of(std::string_view name) const {
  return name.empty() ? at_ : dotted(at_, name);
}

void scope::check_keys() const {
  for (const auto& e : value_->entries) {
    const auto at = dotted(at_, e.key);
    out_->remember(at, e.where);
    const key* row = table_->find(e.key);
    if (row == nullptr)
      out_->add(e.where, at,
                "unknown key" + did_you_mean(e.key, table_->names()) + "; allowed: " + join(table_->names()));
    else if (!row->supported)
      out_->add(e.where, at, "not supported yet; allowed: " + join(table_->names()));
  }
  for (const auto& row : table_->keys)
    if (row.required && value_->find(row.name) == nullptr)
      out_->add(where_, dotted(at_, row.name), "is required and missing; allowed: " + allowed_text(row));
}

void scope::check_roles(agent_role role) const {
  for (const auto& e : value_->entries) {
    const key* row = table_->find(e.key);
    if (row == nullptr || (row->roles & only(role)) != 0) continue;
    std::vector<std::string_view> roles;
    for (const auto& [r, text] : enum_names<agent_role>::value)
      if ((row->roles & only(r)) != 0) roles.push_back(text);
    out_->add(e.where, dotted(at_, e.key),
              "not allowed for the role " + std::string(to_text(role)) + "; it is for " + join(roles, " and "));
  }
}

const key& scope::row_of(std::string_view name) const {
  const key* row = table_->find(name);
  assert(row != nullptr && "every key that is read stands in the table");
  return *row;
}

const yaml::entry* scope::entry_of(std::string_view name) const {
  return value_->find(name);
}

void scope::complain(std::string_view name, const std::string& message) const {
  const auto* e = entry_of(name);
  out_->add(e != nullptr ? e->where : where_, key_of(name), message);
}

void scope::each_item(std::string_view name, const item_visit& visit) const {
  const key& row = row_of(name);
  const auto* e = entry_of(name);
  if (e == nullptr) return;
  const yaml::node& list = *e->value;
  if (list.type == yaml::node::kind::scalar && row.type == shape::node_list) {
    visit(item_row(row), list, key_of(name));
    return;
  }
  if (list.type != yaml::node::kind::list) {
    complain(name, "found " + yaml::quote(list) + "; allowed: " + allowed_text(row));
    return;
  }
  const auto count = static_cast<double>(list.items.size());
  if (count < row.min || count > row.max) {
    complain(name, "the list has " + std::to_string(list.items.size()) +
                       " items; allowed: " + std::to_string(static_cast<std::int64_t>(row.min)) + " to " +
                       std::to_string(static_cast<std::int64_t>(row.max)));
    return;
  }
  std::set<std::string_view> seen;
  const bool repeats = row.type == shape::argv;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const auto& item = *list.items[i];
    const auto at = key_of(name) + "[" + std::to_string(i) + "]";
    out_->remember(at, item.where);
    if (!repeats && item.type == yaml::node::kind::scalar && !seen.insert(item.text).second)
      out_->add(item.where, at, yaml::quote(item) + ": given twice in this list");
    else
      visit(item_row(row), item, at);
  }
}

void scope::read_map(std::string_view name, std::map<std::string, std::string>& values) const {
  const auto* e = entry_of(name);
  if (e == nullptr || e->value->type == yaml::node::kind::null) return;
  const key& row = row_of(name);
  if (e->value->type != yaml::node::kind::map) {
    complain(name, "found " + yaml::quote(*e->value) + "; allowed: " + allowed_text(row));
    return;
  }
  if (static_cast<double>(e->value->entries.size()) > row.max)
    complain(name, "too many entries; allowed: " + std::to_string(static_cast<std::int64_t>(row.max)));
  for (const auto& item : e->value->entries) {
    const auto at = dotted(key_of(name), item.key);
    out_->remember(at, item.where);
    if (item.value->type == yaml::node::kind::scalar)
      values[item.key] = item.value->text;
    else
      out_->add(item.where, at, "found " + yaml::quote(*item.value) + "; allowed: a text");
  }
}

scope scope::inner(std::string_view name) const {
  const key& row = row_of(name);
  const auto* e = entry_of(name);
  if (e == nullptr) return {*out_, *row.inner, empty_map(), key_of(name), where_, keeps(row)};
  return {*out_, *row.inner, *e->value, key_of(name), e->where, keeps(row)};
}

void scope::each_inner(std::string_view name, shape names,
                       const std::function<void(const std::string&, const scope&)>& visit) const {
  const key& row = row_of(name);
  const auto* e = entry_of(name);
  if (e == nullptr || e->value->type == yaml::node::kind::null) return;
  if (e->value->type != yaml::node::kind::map) {
    complain(name, "found " + yaml::quote(*e->value) + "; allowed: " + allowed_text(row));
    return;
  }
  key name_row;
  name_row.type = names;
  for (const auto& item : e->value->entries) {
    const auto at = dotted(key_of(name), item.key);
    out_->remember(at, item.where);
    yaml::node written;
    written.type = yaml::node::kind::scalar;
    written.text = item.key;
    std::string checked;
    if (auto bad = convert(name_row, written, checked)) out_->add(item.where, at, "the name " + *bad);
    const scope below(*out_, *row.inner, *item.value, at, item.where);
    visit(item.key, below);
  }
}

void scope::each_listed(std::string_view name, const std::function<void(const scope&)>& visit) const {
  each_item(name, [&](const key& row, const yaml::node& item, const std::string& at) {
    const scope below(*out_, *row.inner, item, at, item.where);
    visit(below);
  });
}

}  // namespace cadre::config
