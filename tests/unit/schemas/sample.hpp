#pragma once

#include "schemas/codec.hpp"
#include "schemas/codec/carriers.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Values for the tests of the codecs, made from the same lists of fields that the codecs walk.
namespace cadre::sample {

/// Calls `visit` with a default value of each alternative of a variant.
template <class... Bodies, class Visitor>
void each_alternative(const std::variant<Bodies...>&, Visitor&& visit) {
  (visit(Bodies{}), ...);
}

/// Sets every field to a value that is not its default; the same values each time.
class filler {
 public:
  void fill(bool& value) { value = !value; }
  template <std::integral T>
  void fill(T& value) {
    value = static_cast<T>(value + 100 + ++count_);
  }
  void fill(std::string& value) { value = "text " + std::to_string(++count_) + " \"\n\u00e9\U0001F980"; }
  template <class Tag>
  void fill(strong_id<Tag>& value) {
    value = named_id<strong_id<Tag>>(std::to_string(++count_));
  }
  void fill(agent_path& value) { value.text = "ceo.unit-" + std::to_string(++count_); }
  void fill(timestamp& value) { value.us = 1'795'233'073'123'456 + ++count_; }
  void fill(json_text& value) { value.text = R"({"list":[1,-2.5,null,"é"],"n":)" + std::to_string(++count_) + "}"; }
  template <named_enum E>
  void fill(E& value) {
    const E before = value;
    const auto& names = enum_names<E>::value;
    value = names[++count_ % names.size()].first;
    if (value == before) value = names[++count_ % names.size()].first;
  }
  template <class T>
  void fill(std::optional<T>& value) {
    fill(value.emplace());
  }
  template <class T>
  void fill(std::vector<T>& value) {
    value.resize(2);
    for (T& item : value) fill(item);
  }
  void fill(std::vector<command>& value) {
    each_alternative(command_body{}, [&](auto body) {
      value.emplace_back().body = std::move(body);
      fill(value.back());
    });
  }
  template <codec::field_struct T>
  void fill(T& value) {
    T::each_field(value, [&](std::string_view, auto& field) { fill(field); });
  }
  template <codec::carrier T>
  void fill(T& value) {
    codec::each_head_field(value, [&](std::string_view, auto& field) { fill(field); });
    std::visit([&](auto& body) { fill(body); }, value.body);
  }

 private:
  std::int64_t count_ = 0;
};

/// Writes a line `path = value` per field, to compare structs and to see where they differ.
class describer {
 public:
  [[nodiscard]] std::string text() const { return out_.str(); }

  void add(const std::string& path, bool value) { line(path, value ? "true" : "false"); }
  template <std::integral T>
  void add(const std::string& path, T value) {
    line(path, std::to_string(value));
  }
  void add(const std::string& path, const std::string& value) { line(path, value); }
  template <class Tag>
  void add(const std::string& path, const strong_id<Tag>& value) {
    line(path, value.text);
  }
  void add(const std::string& path, const agent_path& value) { line(path, value.text); }
  void add(const std::string& path, timestamp value) { line(path, std::to_string(value.us)); }
  void add(const std::string& path, const json_text& value) { line(path, value.text); }
  template <named_enum E>
  void add(const std::string& path, E value) {
    line(path, to_text(value));
  }
  template <class T>
  void add(const std::string& path, const std::optional<T>& value) {
    value ? add(path, *value) : line(path, "none");
  }
  template <class T>
  void add(const std::string& path, const std::vector<T>& values) {
    line(path + ".size", std::to_string(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) add(path + '[' + std::to_string(i) + ']', values[i]);
  }
  template <codec::field_struct T>
  void add(const std::string& path, const T& value) {
    T::each_field(value, [&](std::string_view name, const auto& field) { add(path + '.' + std::string{name}, field); });
  }
  template <codec::carrier T>
  void add(const std::string& path, const T& value) {
    codec::each_head_field(
        value, [&](std::string_view name, const auto& field) { add(path + '.' + std::string{name}, field); });
    line(path + ".kind", codec::kind_of(value.body));
    std::visit([&](const auto& body) { add(path + ".body", body); }, value.body);
  }

 private:
  void line(const std::string& path, std::string_view value) { out_ << path << " = " << value << '\n'; }

  std::ostringstream out_;
};

template <class T>
std::string describe(const T& value) {
  describer d;
  d.add("", value);
  return d.text();
}

/// For the message of an assertion that a result has a value.
template <class T>
std::string why(const result<T>& r) {
  return r ? "" : r.error().message;
}

struct named_envelope {
  std::string name;  ///< `run_grant`, or `command_batch.task_add` for a batch with one command.
  envelope value;
};

/// An envelope for every kind of message and one for every kind of command, with every field filled.
inline std::vector<named_envelope> envelopes() {
  std::vector<named_envelope> all;
  each_alternative(message{}, [&](auto body) {
    auto& added = all.emplace_back();
    added.name = decltype(body)::kind;
    added.value.body = std::move(body);
    filler{}.fill(added.value);
  });
  each_alternative(command_body{}, [&](auto body) {
    auto& added = all.emplace_back();
    added.name = "command_batch." + std::string{decltype(body)::kind};
    filler fill;
    fill.fill(added.value);
    command only;
    only.body = std::move(body);
    fill.fill(only);
    added.value.body = command_batch{{std::move(only)}};
  });
  return all;
}

}  // namespace cadre::sample
