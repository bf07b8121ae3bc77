#pragma once

#include "reader.hpp"

#include <string>

/// What retention keeps and what it took: the SELECT behind `cadre db retention`.
namespace cadre::storage::queries {

/// One row for each table that is pruned: `table`; `keep` as an interval, `for ever`, or null while no writer has told;
/// `bytes` with indexes and `rows` as Postgres estimates them, of all companies of the database; `partitions`;
/// `oldest`: the first month that has a partition, if it is partitioned; `goes_at`: when the first partition is past
/// its time; and of this company `pruned` (rows in all), `exact` (false: some of them are an estimate), `pruned_until`
/// (nothing younger went) and `pruned_at`.
query retention(const std::string& company);

}  // namespace cadre::storage::queries
