#include "config/convert.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/units.hpp"
#include "config/yaml_json.hpp"
#include "schemas/json.hpp"

namespace cadre::config {
namespace {

using nlohmann::json;

constexpr std::string_view token_pattern = "^[a-z0-9-]{1,63}$";
constexpr std::string_view dataset_pattern = "^[a-z0-9_-]{1,63}$";
constexpr std::string_view duration_pattern = "^[0-9]+(ms|s|m|h|d)$";
constexpr std::string_view size_pattern = "^[0-9]+(B|KiB|MiB|GiB)?$";
constexpr std::string_view date_pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
constexpr std::string_view moment_pattern =
    R"(^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$)";
/// A value with a reference can only be judged once it is replaced.
const json reference{{"type", "string"}, {"pattern", R"(\$\{(env|file):[^}]*\})"}};

json text(std::string_view pattern) {
  return {{"type", "string"}, {"pattern", pattern}};
}

json any_of(std::initializer_list<json> forms) {
  return {{"anyOf", json(forms)}};
}

json choice(const key& row) {
  json allowed = json::array();
  for (const auto value : split(row.allowed, '|')) allowed.push_back(value);
  return {{"enum", allowed}};
}

json list(json items, const key& row) {
  return {{"type", "array"},
          {"items", std::move(items)},
          {"minItems", static_cast<std::int64_t>(row.min)},
          {"maxItems", static_cast<std::int64_t>(row.max)}};
}

json named(json value, std::string_view names) {
  return {{"type", json::array({"object", "null"})},
          {"propertyNames", {{"pattern", names}}},
          {"additionalProperties", std::move(value)}};
}

json inner(const key& row) {
  return {{"$ref", "#/definitions/" + std::string(row.inner->name)}};
}

json number(const key& row, std::string_view type) {
  json plain{{"type", type}};
  if (row.max < 1e300) {
    plain["minimum"] = type == "integer" ? json(static_cast<std::int64_t>(row.min)) : json(row.min);
    plain["maximum"] = type == "integer" ? json(static_cast<std::int64_t>(row.max)) : json(row.max);
  }
  return any_of({plain, reference});
}

json value_of(const key& row) {
  const json any_text{{"type", json::array({"string", "number", "boolean"})}};
  switch (row.type) {
    case shape::text:
    case shape::argument:
      return any_text;
    case shape::token:
      return any_of({text(token_pattern), {{"type", "integer"}, {"minimum", 0}}, reference});
    case shape::dataset:
      return any_of({text(dataset_pattern), {{"type", "integer"}, {"minimum", 0}}, reference});
    case shape::boolean:
      return row.allowed == "true" ? json{{"const", true}} : any_of({{{"type", "boolean"}}, reference});
    case shape::integer:
      return number(row, "integer");
    case shape::number:
      return number(row, "number");
    case shape::duration:
      return any_of({text(duration_pattern), reference});
    case shape::bytes:
      return any_of({{{"type", "integer"}, {"minimum", 0}}, text(size_pattern), reference});
    case shape::share:
      return any_of({{{"type", "number"}, {"minimum", 0}, {"maximum", 1}}, text(R"(^[0-9]+(\.[0-9]+)?%$)"), reference});
    case shape::priority:
      return any_of({{{"enum", json::array({0, 1, 2, 3, "P0", "P1", "P2", "P3"})}}, reference});
    case shape::choice:
      return any_of({choice(row), reference});
    case shape::shutdown:
      return any_of({{{"enum", json::array({"brutal_kill", "infinity"})}}, text(duration_pattern), reference});
    case shape::kept:
      return any_of({{{"const", "forever"}}, text(duration_pattern), reference});
    case shape::path:
      return any_of({text(R"(^[a-z0-9-]+(\.[a-z0-9-]+)*$)"), reference});
    case shape::cron:
      return {{"type", "string"}, {"minLength", 1}};
    case shape::zone:
      return any_of({text("^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"), reference});
    case shape::moment:
      return any_of({text(moment_pattern), reference});
    case shape::date:
      return text(date_pattern);
    case shape::date_list:
      return list(text(date_pattern), row);
    case shape::json:
      return json::object();
    case shape::text_list:
    case shape::argv:
      return list(any_text, row);
    case shape::choices:
      return list(choice(row), row);
    case shape::path_list:
      return list(text(R"(^[a-z0-9-]+(\.[a-z0-9-]+)*$)"), row);
    case shape::node_list:
      return any_of({text(token_pattern), list(text(token_pattern), row)});
    case shape::text_map:
      return named(any_text, "^[A-Za-z_][A-Za-z0-9_]*$");
    case shape::mapping:
      return inner(row);
    case shape::mapping_of:
      return named(inner(row), row.name == "outputs" ? dataset_pattern : token_pattern);
    case shape::list_of:
      return list(inner(row), row);
  }
  return json::object();
}

/// `then` of a role: the keys that it may not have.
json role_rules() {
  json rules = json::array();
  for (const auto& [role, name] : enum_names<agent_role>::value) {
    json refused = json::object();
    for (const auto& row : agent_keys.keys)
      if (row.supported && (row.roles & only(role)) == 0) refused[std::string(row.name)] = false;
    rules.push_back({{"if", {{"properties", {{"role", {{"const", name}}}}}, {"required", {"role"}}}},
                     {"then", {{"properties", refused}}}});
  }
  return rules;
}

json default_of(const key& row) {
  yaml::node written;
  written.type = yaml::node::kind::scalar;
  written.text = row.fallback;
  return yaml::to_json(written);
}

json definition(const mapping& table) {
  json properties = json::object();
  json required = json::array();
  for (const auto& row : table.keys) {
    if (!row.supported) continue;
    json value = value_of(row);
    // Draft 7 ignores what stands beside a $ref.
    if (value.contains("$ref")) value = {{"allOf", json::array({value})}};
    value["description"] = std::string(row.doc);
    if (!row.fallback.empty()) value["default"] = default_of(row);
    properties[std::string(row.name)] = std::move(value);
    if (row.required) required.push_back(row.name);
  }
  json made{{"type", required.empty() ? json::array({"object", "null"}) : json("object")},
            {"properties", std::move(properties)},
            {"additionalProperties", false}};
  if (!required.empty()) made["required"] = std::move(required);
  if (&table == &agent_keys) made["allOf"] = role_rules();
  return made;
}

}  // namespace

std::string json_schema() {
  json schema = definition(company_keys);
  schema["$schema"] = "http://json-schema.org/draft-07/schema#";
  schema["title"] = "cadre.yaml";
  for (const mapping* table : all_mappings())
    if (table != &company_keys) schema["definitions"][std::string(table->name)] = definition(*table);
  return schema.dump(2) + "\n";
}

}  // namespace cadre::config
