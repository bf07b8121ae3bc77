#include "actors/audit/checks_rows.hpp"
#include "actors/runner/json_line.hpp"
#include "schemas/text.hpp"

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <exception>
#include <map>

namespace cadre::actors {
namespace {

using nlohmann::json;

/// std::regex recurses for each character and group that it matches: measured, 8 MiB of stack are used up by 4,100
/// characters and six nested groups. A row must not be able to crash the node.
constexpr std::size_t pattern_text_bytes_max = 512;

bool uses_patterns(const json& schema) {
  if (!schema.is_structured()) return false;
  for (const auto& item : schema.items()) {
    if (schema.is_object() && (item.key() == "pattern" || item.key() == "patternProperties")) return true;
    if (uses_patterns(item.value())) return true;
  }
  return false;
}

bool has_long_text(const json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().size() > pattern_text_bytes_max;
  if (!value.is_structured()) return false;
  for (const auto& item : value.items())
    if ((value.is_object() && item.key().size() > pattern_text_bytes_max) || has_long_text(item.value())) return true;
  return false;
}

/// `/tags/0: why`, from the deepest error: the outer ones only say that something inside is wrong.
std::string first_error(const valijson::ValidationResults& results) {
  std::string text = "the row does not match";
  std::size_t deepest = 0;
  for (const auto& error : results) {
    if (error.context.size() < deepest) continue;
    if (error.context.size() == deepest && deepest > 0) continue;
    deepest = error.context.size();
    std::string path;
    // The context starts with <root>; then come [name] and [0].
    for (std::size_t i = 1; i < error.context.size(); ++i) {
      const std::string& step = error.context[i];
      path += '/' + (step.size() > 2 ? step.substr(1, step.size() - 2) : step);
    }
    text = (path.empty() ? "/" : path) + ": " + error.description;
  }
  return clean_text(std::string_view{text}.substr(0, 500));
}

class schema_check : public row_check {
 public:
  schema_check(const config::check_spec& spec, const json& schema)
      : patterns_{uses_patterns(schema)}, offenders_{check_name(spec)} {
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter{schema}, schema_);
  }

  void add(const row& r) override {
    ++rows_;
    std::string why = defect_of(r.value);
    if (why.empty()) return;
    if (offenders_.count() == 0) first_ = "row " + std::to_string(rows_) + ' ' + why;
    offenders_.add(r);
  }

  void finish(const check_context&, audit_report& report) override {
    offenders_.report(
        row_count(offenders_.count()) + " of " + std::to_string(rows_) + " do not match; the first: " + first_,
        report.findings);
  }

 private:
  /// Empty if the row matches.
  std::string defect_of(const json& value) {
    if (patterns_ && has_long_text(value))
      return "/: a text of more than " + std::to_string(pattern_text_bytes_max) + " bytes can't be matched to patterns";
    try {
      valijson::ValidationResults results;
      if (validator_.validate(schema_, valijson::adapters::NlohmannJsonAdapter{value}, &results)) return {};
      return first_error(results);
    } catch (const std::exception& e) {
      return "/: could not be checked: " + std::string{e.what()};
    }
  }

  valijson::Schema schema_;
  valijson::Validator validator_;
  bool patterns_;
  std::int64_t rows_ = 0;
  std::string first_;
  offender_list offenders_;
};

}  // namespace

result<std::unique_ptr<row_check>> make_schema_check(const config::check_spec& spec) {
  const auto schema = parse_json(spec.schema.text);
  if (!schema) return fail(errc::bad_config, check_name(spec) + ": the JSON Schema: " + schema.error().message);
  try {
    return std::make_unique<schema_check>(spec, *schema);
  } catch (const std::exception& e) {
    return fail(errc::bad_config, check_name(spec) + ": the JSON Schema does not compile: " + e.what());
  }
}

}  // namespace cadre::actors
