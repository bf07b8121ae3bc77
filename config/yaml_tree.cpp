#include "config/yaml_tree.hpp"

#include "config/utf8.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_map>

namespace cadre::config::yaml {
namespace {

place to_place(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {.line = mark.line + 1, .column = mark.column + 1};
}

/// Ends the parse: the text can't be made sense of.
struct parse_stop {
  fault why;
};

/// Builds the tree from yaml-cpp's events.
class builder : public YAML::EventHandler {
 public:
  document result;
  int documents = 0;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents > 1)
      throw parse_stop{{to_place(mark), here(), "a second document starts here; one file holds one company"}};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto n = make(node::kind::null, mark);
    keep(anchor, n);
    add(std::move(n));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw parse_stop{{to_place(mark), here(), "an alias may not stand inside its own anchor"}};
    if (static_cast<int>(stack_.size()) + found->second->height > depth_max) throw too_deep(to_place(mark));
    add(found->second, to_place(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto n = make(node::kind::scalar, mark);
    n->text = value;
    n->quoted = tag != "?";
    keep(anchor, n);
    add(std::move(n));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(node::kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(node::kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct frame {
    node_ptr container;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    place key_where;
    std::vector<node_ptr> merges;
    std::unordered_map<std::string, int> seen;  ///< Key to the line of its first use.
  };

  /// The dotted key that the next value belongs to.
  [[nodiscard]] std::string here() const {
    std::string key;
    for (const auto& f : stack_) {
      if (f.container->type == node::kind::list)
        key += "[" + std::to_string(f.container->items.size()) + "]";
      else if (f.has_key)
        key += (key.empty() ? "" : ".") + f.key;
    }
    return key;
  }

  [[nodiscard]] parse_stop too_deep(place where) const {
    return {{where, here(), "nested too deeply; at most " + std::to_string(depth_max) + " levels are allowed"}};
  }

  node_ptr make(node::kind type, const YAML::Mark& mark) {
    if (++made_ > nodes_max) throw parse_stop{{to_place(mark), here(), too_many_}};
    auto n = std::make_shared<node>();
    n->type = type;
    n->where = to_place(mark);
    return n;
  }

  void keep(YAML::anchor_t anchor, const node_ptr& n) {
    if (anchor != 0) anchors_[anchor] = n;
  }

  void open(node::kind type, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (static_cast<int>(stack_.size()) >= depth_max) throw too_deep(to_place(mark));
    frame f;
    f.container = make(type, mark);
    f.anchor = anchor;
    stack_.push_back(std::move(f));
  }

  void close() {
    frame f = std::move(stack_.back());
    stack_.pop_back();
    merge(f);
    node& n = *f.container;
    const auto count = [&](const node& child) {
      n.height = std::max(n.height, child.height + 1);
      n.nodes += child.nodes;
    };
    for (const auto& item : n.items) count(*item);
    for (const auto& e : n.entries) count(*e.value);
    if (n.nodes > nodes_max) throw parse_stop{{n.where, here(), too_many_}};
    keep(f.anchor, f.container);
    add(f.container);
  }

  /// `<<: *base`: the keys of the base that the mapping itself lacks.
  static void merge(frame& f) {
    for (const auto& base : f.merges)
      for (const auto& e : base->entries)
        if (f.seen.emplace(e.key, e.where.line).second) f.container->entries.push_back(e);
  }

  void add(node_ptr n) {
    const place where = n->where;
    add(std::move(n), where);
  }

  void add(node_ptr n, place where) {
    if (stack_.empty()) {
      result.root = std::move(n);
      return;
    }
    frame& f = stack_.back();
    if (f.container->type == node::kind::list) {
      f.container->items.push_back(std::move(n));
      return;
    }
    if (!f.has_key) {
      if (n->type != node::kind::scalar) throw parse_stop{{where, here(), "a key must be a plain text"}};
      f.has_key = true;
      f.key = n->text;
      f.key_where = where;
      return;
    }
    f.has_key = false;
    if (f.key == "<<")
      add_merge(f, n);
    else
      add_entry(f, std::move(n));
  }

  void add_merge(frame& f, const node_ptr& n) const {
    const auto bad = [&] { return parse_stop{{f.key_where, here(), "`<<` takes a mapping or a list of mappings"}}; };
    if (n->type == node::kind::map) {
      f.merges.push_back(n);
    } else if (n->type == node::kind::list) {
      for (const auto& item : n->items) {
        if (item->type != node::kind::map) throw bad();
        f.merges.push_back(item);
      }
    } else {
      throw bad();
    }
  }

  void add_entry(frame& f, node_ptr n) {
    const auto [first, is_new] = f.seen.emplace(f.key, f.key_where.line);
    if (!is_new) {
      const auto above = here();
      result.faults.push_back({f.key_where, above.empty() ? f.key : above + "." + f.key,
                               "given twice in this mapping; the first is in line " + std::to_string(first->second)});
      return;
    }
    f.container->entries.push_back({f.key, f.key_where, std::move(n)});
  }

  static inline const std::string too_many_ =
      "too many values after aliases are expanded; at most " + std::to_string(nodes_max) + " are allowed";
  std::vector<frame> stack_;
  std::map<YAML::anchor_t, node_ptr> anchors_;
  std::size_t made_ = 0;
};

document stopped(fault why) {
  document d;
  d.faults.push_back(std::move(why));
  return d;
}

}  // namespace

const entry* node::find(std::string_view key) const noexcept {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const entry& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

document parse(std::string_view text) {
  if (text.size() > text_bytes_max)
    return stopped({{}, {}, "too large; a config file may have " + std::to_string(text_bytes_max) + " bytes"});
  if (const auto bad = find_bad_text(text))
    return stopped({*bad, {}, "not valid text; a config file is UTF-8 without control characters"});
  builder tree;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser{in};
    while (parser.HandleNextDocument(tree)) {
    }
  } catch (const parse_stop& stop) {
    return stopped(stop.why);
  } catch (const YAML::Exception& e) {
    return stopped({to_place(e.mark), {}, "not valid YAML: " + e.msg});
  } catch (const std::exception& e) {
    return stopped({{}, {}, std::string("not valid YAML: ") + e.what()});
  }
  if (!tree.result.root || tree.result.root->type == node::kind::null)
    return stopped({{1, 1}, {}, "the file is empty; it must at least give company, nodes and org"});
  return std::move(tree.result);
}

std::string quote(const node& value) {
  switch (value.type) {
    case node::kind::null:
      return "nothing";
    case node::kind::list:
      return "a list";
    case node::kind::map:
      return "a mapping";
    case node::kind::scalar:
      break;
  }
  constexpr std::size_t shown_max = 60;
  std::string shown = value.substituted ? value.written : value.text;
  std::replace(shown.begin(), shown.end(), '\n', ' ');
  if (shown.size() > shown_max) shown = cut_utf8(shown, shown_max) + "...";
  return "`" + shown + "`";
}

}  // namespace cadre::config::yaml
