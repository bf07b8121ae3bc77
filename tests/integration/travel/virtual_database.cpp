#include "virtual_database.hpp"

#include "schemas/ids.hpp"

#include <cstdlib>
#include <iostream>
#include <stdexcept>

namespace cadre::travel {

namespace {

std::string server_url() {
  const char* url = std::getenv("CADRE_TEST_POSTGRES");
  if (url == nullptr) throw std::runtime_error{"CADRE_TEST_POSTGRES is not set"};
  return url;
}

constexpr auto clock_sql = R"(
  CREATE SCHEMA virtual;
  CREATE UNLOGGED SEQUENCE virtual.microseconds MINVALUE 0;
  CREATE FUNCTION virtual.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql VOLATILE COST 1 AS $$
  DECLARE
    us bigint;
  BEGIN
    SELECT last_value INTO us FROM virtual.microseconds;
    RETURN 'epoch'::timestamptz + us * interval '1 microsecond';
  END $$;
  CREATE FUNCTION virtual.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT virtual.clock_timestamp()';
  GRANT USAGE ON SCHEMA virtual TO PUBLIC;
  GRANT SELECT ON virtual.microseconds TO PUBLIC;
)";

}  // namespace

virtual_database::virtual_database(const std::vector<std::string>& companies, timestamp start)
    : name_{"cadre_travel_" + new_uuid().substr(24)} {
  prepare(companies, start);
}

void virtual_database::prepare(const std::vector<std::string>& companies, timestamp start) {
  {
    pqxx::connection server{server_url()};
    pqxx::nontransaction tx{server};
    const auto name = server.quote_name(name_);
    tx.exec("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8'");
    tx.exec("ALTER DATABASE " + name + " SET search_path = virtual, pg_catalog, public");
  }
  direct_ = std::make_unique<pqxx::connection>(url(""));
  {
    pqxx::nontransaction tx{*direct_};
    tx.exec(clock_sql);
  }
  set(start);
  const auto done = storage::prepare_database(server_url(), name_, {"m", "w", "r"}, companies);
  if (!done) throw std::runtime_error{done.error().message};
  open_functions();
}

/// Those with a search path of their own look at the virtual clock first, too.
void virtual_database::open_functions() {
  const auto closed =
      ask("SELECT p.oid::regprocedure::text, replace(c, 'search_path=', '') FROM pg_proc p "
          "JOIN pg_namespace n ON n.oid = p.pronamespace, unnest(p.proconfig) c "
          "WHERE n.nspname = 'cadre' AND c LIKE 'search_path=%'");
  for (const auto& row : closed)
    ask("ALTER FUNCTION " + row[0].as<std::string>() + " SET search_path = virtual, " + row[1].as<std::string>());
}

virtual_database::~virtual_database() {
  try {
    direct_.reset();
    pqxx::connection server{server_url()};
    pqxx::nontransaction{server}.exec("DROP DATABASE IF EXISTS " + server.quote_name(name_) + " WITH (FORCE)");
  } catch (const std::exception& e) {
    std::cerr << "dropping " << name_ << ": " << e.what() << '\n';
  }
}

void virtual_database::set(timestamp moment) {
  ask("SELECT setval('virtual.microseconds', $1::bigint)", moment.us);
}

std::string virtual_database::url(std::string_view role) const {
  const auto* const password = role == storage::writer_role ? "w" : role == storage::reader_role ? "r" : "";
  return storage::connection_url(server_url(), name_, role, password).value();
}

std::string virtual_database::uses_other_clocks() {
  const auto rows = ask(
      "SELECT coalesce(string_agg(p.proname, ', '), '') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
      "WHERE n.nspname = 'cadre' AND p.prosrc ~* "
      "'\\m(current_date|current_timestamp|localtimestamp|statement_timestamp|transaction_timestamp)'");
  return rows[0][0].as<std::string>();
}

}  // namespace cadre::travel
