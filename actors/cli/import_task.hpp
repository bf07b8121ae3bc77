#pragma once

#include "import_records.hpp"
#include "schemas/commands.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Makes a `task_add` of one record of an import, or says what is wrong with it. Pure.
namespace cadre::cli {

/// What a record that lacks the field gets.
struct import_defaults {
  std::string mode;
  std::string agent;  ///< Only where the record names no mode either, and the other way round.
  std::int64_t priority = 2;
};

/// The fields a record may have, as JSON keys or as columns. CSV has `payload.NAME` beside them.
const std::vector<std::string_view>& import_fields();

/// The id of a task whose record names none: the same for the same text at the same line, so that importing a file a
/// second time adds nothing twice.
task_id import_id(std::int64_t line, std::string_view text);

/// The size of the command on the bus, in bytes, at most; for filling batches.
std::size_t wire_bytes_max(const task_add& add);

/// Reads an object such as `{"agent":"ceo.data.ingest","title":"by hand","payload":{"n":1}}`. `run_after` and
/// `deadline` are times with a zone (`2026-11-21T03:51:13Z`). Errors: bad_value, too_large; the message begins with the
/// field.
result<task_add> read_json_task(const import_record& record, const import_defaults& defaults);

/// The columns of a CSV file, from its first row.
class csv_columns {
 public:
  /// Errors: bad_value, for a column that is unknown or stands twice.
  static result<csv_columns> read(const import_record& header);

  /// Reads a row. An empty cell is a field the record lacks. `payload` is JSON; `payload.NAME` columns make an object
  /// of it, of text. `depends_on` is ids with spaces between them. Errors: as of `read_json_task`.
  [[nodiscard]] result<task_add> read_task(const import_record& row, const import_defaults& defaults) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace cadre::cli
