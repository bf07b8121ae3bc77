#include "broken.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/yaml_json.hpp"
#include "schemas/json.hpp"

#include <boost/test/unit_test.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace {

using namespace cadre::config;
using nlohmann::json;
namespace fs = std::filesystem;

const fs::path examples = fs::path(CADRE_SOURCE_DIR) / "config/examples";

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

/// The values given to each key of each mapping, by walking a file and the table side by side.
using uses = std::map<std::pair<std::string_view, std::string_view>, std::vector<const yaml::entry*>>;

void collect(const mapping& table, const yaml::node& value, uses& found) {
  for (const auto& e : value.entries) {
    const key* row = table.find(e.key);
    BOOST_REQUIRE_MESSAGE(row != nullptr, table.name << "." << e.key << " is not in the table");
    found[{table.name, row->name}].push_back(&e);
    if (row->inner == nullptr) continue;
    if (row->type == shape::mapping) collect(*row->inner, *e.value, found);
    for (const auto& below : e.value->entries)
      if (row->type == shape::mapping_of) collect(*row->inner, *below.value, found);
    for (const auto& item : e.value->items) collect(*row->inner, *item, found);
  }
}

BOOST_AUTO_TEST_SUITE(example_files)

BOOST_AUTO_TEST_CASE(all_of_them_load) {
  std::set<std::string> names;
  for (const auto& file : fs::directory_iterator(examples)) {
    if (file.path().extension() != ".yaml") continue;
    names.insert(file.path().filename().string());
    const auto made = load_file(file.path().string());
    BOOST_TEST(made.ok(), file.path() << sample::all_texts(made.problems));
  }
  BOOST_TEST(names.contains("minimal.yaml"));
  BOOST_TEST(names.contains("reference.yaml"));
}

BOOST_AUTO_TEST_CASE(the_reference_lists_every_key_with_its_default_and_a_comment) {
  const auto text = text_of(examples / "reference.yaml");
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const auto document = yaml::parse(text);
  BOOST_REQUIRE(document.root);
  uses found;
  collect(company_keys, *document.root, found);
  for (const mapping* table : all_mappings()) {
    for (const auto& row : table->keys) {
      if (!row.supported) continue;
      BOOST_TEST_CONTEXT(table->name << "." << row.name) {
        const auto& entries = found[{table->name, row.name}];
        BOOST_REQUIRE(!entries.empty());
        const auto any = [&](auto test) { return std::any_of(entries.begin(), entries.end(), test); };
        BOOST_TEST(any([&](const yaml::entry* e) {
          const auto& line = lines.at(static_cast<std::size_t>(e->where.line) - 1);
          return line.find(" # ") != std::string::npos;
        }));
        if (!row.fallback.empty())
          BOOST_TEST(any([&](const yaml::entry* e) { return e->value->text == row.fallback; }));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_table_is_complete) {
  for (const mapping* table : all_mappings()) {
    std::set<std::string_view> names;
    for (const auto& row : table->keys) {
      BOOST_TEST_CONTEXT(table->name << "." << row.name) {
        BOOST_TEST(names.insert(row.name).second);
        if (!row.supported) continue;
        BOOST_TEST(!row.doc.empty());
        BOOST_TEST(row.doc.back() == '.');
        const bool bounded = row.type == shape::integer || row.type == shape::number || row.type == shape::duration ||
                             row.type == shape::bytes || row.type == shape::text_list || row.type == shape::node_list ||
                             row.type == shape::path_list || row.type == shape::argv || row.type == shape::list_of ||
                             row.type == shape::date_list;
        if (bounded) BOOST_TEST(row.max > row.min);
        const bool deep = row.type == shape::mapping || row.type == shape::mapping_of || row.type == shape::list_of;
        BOOST_TEST((row.inner != nullptr) == deep);
        if (row.inherited && !row.fallback.empty()) {
          const key* base = defaults_keys.find(row.name);
          BOOST_REQUIRE(base != nullptr);
          BOOST_TEST(base->fallback == row.fallback);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

/// The published schema, and whether it takes a file.
class schema_judge {
 public:
  schema_judge() : document_(json::parse(json_schema())) {
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(document_), schema_);
  }

  bool accepts(std::string_view text) {
    const auto parsed = yaml::parse(text);
    BOOST_REQUIRE(parsed.root);
    const json value = yaml::to_json(*parsed.root);
    valijson::Validator validator;
    return validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(value), nullptr);
  }

 private:
  json document_;
  valijson::Schema schema_;
};

BOOST_AUTO_TEST_SUITE(schema)

BOOST_AUTO_TEST_CASE(takes_what_loads) {
  schema_judge judge;
  BOOST_TEST(judge.accepts(sample::text));
  for (const auto& file : fs::directory_iterator(examples))
    if (file.path().extension() == ".yaml") BOOST_TEST(judge.accepts(text_of(file.path())), file.path());
  BOOST_TEST(judge.accepts(sample::changed("fleet: {lease: 5s}", "fleet: {lease: \"${env:LEASE}\"}")));
  BOOST_TEST(judge.accepts(sample::changed("defaults: {timeout: 1m}", "defaults: {supervise: }")));
}

BOOST_AUTO_TEST_CASE(refuses_what_is_misspelt_or_out_of_bounds) {
  schema_judge judge;
  const std::pair<const char*, const char*> cases[] = {
      {"company: acme", "company: Acme"},
      {"company: acme\n", ""},
      {"company: acme", "company: acme\ncompny: x"},
      {"fleet: {lease: 5s}", "fleet: {lease: 5}"},
      {"fleet: {lease: 5s}", "fleet: {leese: 5s}"},
      {"defaults: {timeout: 1m}", "defaults: {concurrency: 0}"},
      {"defaults: {timeout: 1m}", "defaults: {supervise: {strategy: dynamical}}"},
      {sample::fetch_run, "run: {command: [sh]}\n            instances: 0"},
      {"defaults: {timeout: 1m}", "defaults: {retry: {backoff: {jitter: 2}}}"},
      {"n2: {roles: [work]}", "n2: {roles: [wrok]}"},
      {"n2: {roles: [work]}", "n2: {}"},
      {sample::fetch_run, "run: {command: []}"},
      {sample::fetch_run, "run: {command: [sh]}\n            reports: {}"},
      {sample::fetch_run, "run: {command: [sh]}\n            failback: busy"},
      {sample::checks, "checks: [{max_drop: 20}]"},
      {"cron: \"7 * * * *\", watcher: ceo.ops.clock}", "cron: \"7 * * * *\"}"},
      {"cron: \"7 * * * *\", watcher: ceo.ops.clock}",
       "cron: \"7 * * * *\", watcher: ceo.ops.clock, tz: \"Europe Rome\"}"},
      {"cron: \"7 * * * *\", watcher: ceo.ops.clock}",
       "cron: \"7 * * * *\", watcher: ceo.ops.clock, exclude: [25.12.2026]}"},
      {"cron: \"7 * * * *\", watcher: ceo.ops.clock}",
       "cron: \"7 * * * *\", watcher: ceo.ops.clock, starts: 2026-12-25}"},
      {"cron: \"7 * * * *\", watcher: ceo.ops.clock}", "cron: \"7 * * * *\", watcher: ceo.ops.clock, overlap: never}"},
  };
  for (const auto& [what, by] : cases) BOOST_TEST(!judge.accepts(sample::changed(what, by)), by);
}

BOOST_AUTO_TEST_CASE(documents_every_key) {
  const auto document = json::parse(json_schema());
  for (const mapping* table : all_mappings()) {
    const auto& properties = table == &company_keys ? document["properties"]
                                                    : document["definitions"][std::string(table->name)]["properties"];
    BOOST_TEST(properties.size() == table->names().size(), table->name);
    for (const auto& row : table->keys)
      if (row.supported) BOOST_TEST(properties[std::string(row.name)]["description"] == std::string(row.doc), row.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
