#include "config/key_bounds.hpp"
#include "config/keys.hpp"

#include <array>

// Of an auditor's checks.
namespace cadre::config {
namespace {

constexpr std::array check_table{
    key{.name = "name", .doc = "A name for people; made of the rest if not given."},
    key{.name = "dataset", .type = shape::dataset, .doc = "The dataset it is about; every one if not given."},
    key{.name = "unique",
        .type = shape::text_list,
        .min = 1,
        .max = 32,
        .doc = "No two rows have the same values in these columns."},
    key{.name = "not_null",
        .type = shape::text_list,
        .min = 1,
        .max = 256,
        .doc = "These columns always have a value."},
    key{.name = "range",
        .type = shape::mapping,
        .inner = &range_keys,
        .doc = "The numbers of a column are within these."},
    key{.name = "max_drop",
        .type = shape::share,
        .doc = "The rows shrink by at most this share of the canonical count, for example 20%."},
    key{.name = "schema", .type = shape::json, .doc = "A JSON Schema that each row satisfies."},
    key{.name = "references",
        .type = shape::mapping,
        .inner = &references_keys,
        .doc = "Every value of a column is there in the canonical rows of a dataset."},
    key{.name = "total",
        .type = shape::mapping,
        .inner = &total_keys,
        .doc = "The rows, or the sum of a column, are as many as in the canonical rows of a dataset."},
    key{.name = "drift",
        .type = shape::mapping,
        .inner = &drift_keys,
        .doc = "The output is like those of the worker that became canonical before; the first ones pass."},
    key{.name = "sql", .doc = "A SELECT of the offending rows; $1 is the output's id. None: passed."},
    key{.name = "sample",
        .type = shape::mapping,
        .inner = &sample_keys,
        .doc = "In place of the auditor's sample; only of a check that looks at rows one by one."}};

constexpr std::array range_table{
    key{.name = "column", .required = true, .doc = "The column."},
    key{.name = "min", .type = shape::number, .min = -1e300, .max = 1e300, .doc = "The smallest allowed number."},
    key{.name = "max", .type = shape::number, .min = -1e300, .max = 1e300, .doc = "The largest allowed number."}};

constexpr std::array sample_table{
    key{.name = "rows", .type = shape::integer, .min = 1, .max = 1e9, .doc = "So many rows; rows or share."},
    key{.name = "share", .type = shape::share, .doc = "This share of the rows, at least one; for example 10%."},
    key{.name = "seed",
        .type = shape::integer,
        .fallback = "0",
        .max = 1e9,
        .doc = "Which rows: the same seed takes the same rows of the same output."}};

constexpr std::array references_table{
    key{.name = "column", .required = true, .doc = "The column; rows without a value in it are not looked for."},
    key{.name = "dataset",
        .type = shape::dataset,
        .required = true,
        .doc = "The dataset whose canonical rows, of all workers, are looked through."},
    key{.name = "key", .doc = "Its column there; if not given, of the same name."}};

constexpr std::array total_table{
    key{.name = "column", .doc = "The column of numbers that is summed up; if not given, rows are counted."},
    key{.name = "dataset",
        .type = shape::dataset,
        .required = true,
        .doc = "The dataset whose canonical rows, of all workers, are compared with."},
    key{.name = "key", .doc = "Its column there; if not given, of the same name."},
    key{.name = "tolerance",
        .type = shape::share,
        .fallback = "0",
        .doc = "They may differ by this share of the canonical one."}};

constexpr std::array drift_table{
    key{.name = "row_count",
        .type = shape::share,
        .doc = "The rows are at most this share more or fewer than the median of those before."},
    key{.name = "nulls",
        .type = shape::share,
        .doc = "Of a column, the share of rows without a value differs at most by this from the median before."},
    key{.name = "shift",
        .type = shape::number,
        .min = 0.1,
        .max = 1'000,
        .doc = "No quartile of a column of numbers is further from its median before than so many usual spreads."},
    key{.name = "columns",
        .type = shape::text_list,
        .max = 64,
        .doc = "The columns that nulls and shift look at; if not given, all that are counted, at most 64."},
    key{.name = "history",
        .type = shape::integer,
        .fallback = "10",
        .min = 1,
        .max = 50,
        .doc = "With how many outputs before it is compared."}};

}  // namespace

constinit const mapping check_keys{"check", check_table};
constinit const mapping range_keys{"range", range_table};
constinit const mapping sample_keys{"sample", sample_table};
constinit const mapping references_keys{"references", references_table};
constinit const mapping total_keys{"total", total_table};
constinit const mapping drift_keys{"drift", drift_table};

}  // namespace cadre::config
