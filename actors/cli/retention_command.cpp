#include "retention_command.hpp"

#include "print.hpp"
#include "schemas/json.hpp"
#include "storage/read/retention_queries.hpp"

#include <array>
#include <cstdio>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

std::string size_text(std::int64_t bytes) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), unit == 0 || size >= 100 ? "%.0f %s" : "%.1f %s", size, units[unit]);
  return text.data();
}

int print_retention(const fleet_options& fleet) {
  session s{fleet};
  auto rows = json::parse(s.rows(storage::queries::retention(s.company())));
  if (fleet.json) {
    print_json(rows);
    return exit_ok;
  }
  for (auto& row : rows) {
    row["size"] = size_text(row["bytes"].get<std::int64_t>());
    if (!row["exact"].get<bool>()) row["pruned"] = "about " + std::to_string(row["pruned"].get<std::int64_t>());
  }
  print_table(rows,
              {{"TABLE", "table"},
               {"KEPT", "keep"},
               {"SIZE", "size"},
               {"ROWS, ABOUT", "rows"},
               {"OLDEST MONTH", "oldest"},
               {"GOES AT", "goes_at"},
               {"PRUNED", "pruned"},
               {"UP TO", "pruned_until"}},
              "nothing is kept");
  return exit_ok;
}

}  // namespace

void add_retention_command(const command& db, fleet_options& fleet) {
  auto sub = db;
  sub = sub.add_command("retention", "Show how long tables are kept, their sizes, what goes next and what was pruned");
  add_listing_options(sub, fleet);
  sub.examples("  cadre db retention\n  cadre db retention --json | jq '.[] | select(.table == \"task\")'");
  sub.does([&fleet] { return print_retention(fleet); });
}

}  // namespace cadre::cli
