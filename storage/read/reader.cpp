#include "reader.hpp"

#include "schemas/json.hpp"
#include "storage/pg/session.hpp"

#include <pqxx/pqxx>

namespace cadre::storage {

namespace {

constexpr int rows_per_chunk = 1000;
constexpr int statement_time_max_ms = 30'000;

/// libpq's own message names host and port and never the password, but ends in newlines.
std::string first_line(std::string_view text) {
  return std::string{text.substr(0, text.find('\n'))};
}

result<std::string> unreachable(const std::exception& e) {
  return fail(errc::unreachable, "the database does not answer: " + first_line(e.what()));
}

pqxx::result run(pqxx::transaction_base& tx, std::string_view sql, const parameters& values) {
  std::vector<const char*> texts;
  texts.reserve(values.size());
  for (const auto& value : values) texts.push_back(value ? value->c_str() : nullptr);
  return tx.exec_params(std::string{sql}, pqxx::prepare::make_dynamic_params(texts));
}

std::string as_array(std::string_view sql) {
  return "SELECT coalesce(json_agg(q), '[]')::text FROM (" + std::string{sql} + ") q";
}

}  // namespace

struct reader::impl {
  std::string url;
  std::unique_ptr<pqxx::connection> session;

  void connect() {
    session = std::make_unique<pqxx::connection>(pg::with_bounds(url));
    session->set_variable("timezone", "'UTC'");
    session->set_variable("default_transaction_read_only", "on");
    session->set_variable("jit", "off");
    session->set_variable("statement_timeout", std::to_string(statement_time_max_ms));
  }

  /// Runs `body` in a read-only transaction; a connection that broke since its last use is opened again once.
  template <class Body>
  auto guarded(Body&& body) -> result<std::invoke_result_t<Body, pqxx::transaction_base&>> {
    for (int attempt = 0;; ++attempt) {
      try {
        if (!session || !session->is_open()) connect();
        pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> tx{*session};
        return body(tx);
      } catch (const pqxx::broken_connection& e) {
        session.reset();
        if (attempt == 1) return tl::unexpected{unreachable(e).error()};
      } catch (const pqxx::sql_error& e) {
        // Shutting down, out of resources, a broken file system: the same question can be answered later.
        for (const std::string_view passing : {"53", "57P", "58"})
          if (std::string_view{e.sqlstate()}.starts_with(passing)) return tl::unexpected{unreachable(e).error()};
        return fail(errc::storage, first_line(e.what()));
      } catch (const std::exception& e) {
        session.reset();
        return fail(errc::storage, first_line(e.what()));
      }
    }
  }
};

reader::reader(std::unique_ptr<impl> i) : impl_{std::move(i)} {}
reader::~reader() = default;

result<std::unique_ptr<reader>> reader::open(const std::string& url) {
  auto i = std::make_unique<impl>();
  i->url = url;
  try {
    i->connect();
  } catch (const std::exception& e) {
    return tl::unexpected{unreachable(e).error()};
  }
  return std::unique_ptr<reader>{new reader{std::move(i)}};
}

result<std::string> reader::rows(std::string_view sql, const parameters& values) {
  return impl_->guarded(
      [&](pqxx::transaction_base& tx) { return std::string{run(tx, as_array(sql), values)[0][0].c_str()}; });
}

namespace {

std::string one_row(pqxx::transaction_base& tx, std::string_view sql, const parameters& values) {
  const auto found = run(tx, "SELECT row_to_json(q)::text FROM (" + std::string{sql} + ") q LIMIT 1", values);
  return std::string{found.empty() ? "null" : found[0][0].c_str()};
}

}  // namespace

result<std::string> reader::row(std::string_view sql, const parameters& values) {
  return impl_->guarded([&](pqxx::transaction_base& tx) { return one_row(tx, sql, values); });
}

result<std::string> reader::looked_up(const query& q) {
  return impl_->guarded([&](pqxx::transaction_base& tx) {
    tx.exec("SET LOCAL enable_nestloop = off");
    return one_row(tx, q.sql, q.values);
  });
}

result<std::string> reader::snapshot(const std::vector<std::pair<std::string, query>>& queries) {
  return impl_->guarded([&](pqxx::transaction_base& tx) {
    std::string document = "{";
    for (const auto& [name, q] : queries) {
      if (document.size() > 1) document += ',';
      document += nlohmann::json(name).dump() + ':' + run(tx, as_array(q.sql), q.values)[0][0].c_str();
    }
    return document + '}';
  });
}

result<void> reader::staged_rows(std::string_view company, std::string_view output,
                                 const std::function<bool(std::string_view, std::string_view)>& each) {
  auto done = impl_->guarded([&](pqxx::transaction_base& tx) {
    std::int64_t last = -1;
    for (;;) {
      const auto chunk =
          run(tx,
              "SELECT row_no, key, row::text FROM cadre.output_row WHERE company = $1 AND output = "
              "$2::uuid AND row_no > $3::bigint ORDER BY row_no LIMIT $4::int",
              {std::string{company}, std::string{output}, std::to_string(last), std::to_string(rows_per_chunk)});
      for (const auto& r : chunk) {
        last = r[0].as<std::int64_t>();
        if (!each(r[1].c_str(), r[2].c_str())) return true;
      }
      if (chunk.size() < rows_per_chunk) return true;
    }
  });
  if (!done) return tl::unexpected{done.error()};
  return {};
}

result<reader::offending> reader::offending_rows(const std::string& sql, std::string_view output,
                                                 std::chrono::milliseconds time_max) {
  return impl_->guarded([&](pqxx::transaction_base& tx) {
    tx.exec("SET LOCAL statement_timeout = " + std::to_string(time_max.count()));
    const auto found = run(tx,
                           "WITH offending AS (" + sql +
                               ") SELECT (SELECT count(*) FROM offending), (SELECT coalesce(json_agg(s), '[]')::text "
                               "FROM (SELECT * FROM offending LIMIT 5) s), $1::text",
                           {std::string{output}});
    offending o;
    o.count = found[0][0].as<std::int64_t>();
    for (const auto& sample : nlohmann::json::parse(found[0][1].c_str())) o.sample_rows.push_back(sample.dump());
    return o;
  });
}

}  // namespace cadre::storage
