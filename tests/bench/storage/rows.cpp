#include "measures.hpp"
#include "world.hpp"

#include <libpq-fe.h>
#include <pqxx/pqxx>

#include <algorithm>

namespace cadre::bench {

void single(std::size_t commands) {
  world w;
  std::vector<double> ours, raw;
  pqxx::connection server{w.superuser()};
  pqxx::nontransaction direct{server};
  server.prepare("one",
                 "INSERT INTO cadre.task (company, id, mode, title, payload, status, attempts_max, created_by) "
                 "VALUES ('bench', $1::uuid, 'jobs', 'bench', $2::jsonb, 'draft', 3, 'cli')");
  for (std::size_t n = 0; n < commands; ++n) {
    std::vector<command> one{world::add(n)};
    auto begin = clock::now();
    w.commit(std::move(one));
    ours.push_back(seconds_since(begin));
    const auto id = new_uuid();
    const auto text = payload(n).text;
    begin = clock::now();
    direct.exec_prepared("one", id, text);
    raw.push_back(seconds_since(begin));
  }
  print({{"command_p50_us", quantile_us(ours, 0.5)}, {"insert_p50_us", quantile_us(raw, 0.5)}});
}

void rows(std::size_t count, std::size_t batch) {
  world w;
  auto begin = clock::now();
  for (std::size_t n = 0; n < count; n += batch) w.commit(world::adds(std::min(batch, count - n)));
  const auto ours = static_cast<double>(count) / seconds_since(begin);

  world other;
  std::vector<std::string> lines;
  for (std::size_t n = 0; n < count; ++n)
    lines.push_back("bench\t" + new_uuid() + "\tjobs\tbench\t" + payload(n).text + "\tqueued\t3\tcli\n");
  const std::unique_ptr<PGconn, void (*)(PGconn*)> server{PQconnectdb(other.superuser().c_str()), PQfinish};
  const auto run = [&](const char* sql, ExecStatusType expected) {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> done{PQexec(server.get(), sql), PQclear};
    if (PQresultStatus(done.get()) != expected) throw std::runtime_error{PQerrorMessage(server.get())};
  };
  begin = clock::now();
  for (std::size_t n = 0; n < count; n += batch) {
    run("COPY cadre.task (company, id, mode, title, payload, status, attempts_max, created_by) FROM STDIN",
        PGRES_COPY_IN);
    for (auto i = n; i < std::min(count, n + batch); ++i)
      PQputCopyData(server.get(), lines[i].data(), static_cast<int>(lines[i].size()));
    PQputCopyEnd(server.get(), nullptr);
    while (PGresult* done = PQgetResult(server.get())) {
      const bool ok = PQresultStatus(done) == PGRES_COMMAND_OK;
      PQclear(done);
      if (!ok) throw std::runtime_error{PQerrorMessage(server.get())};
    }
  }
  const auto copied = static_cast<double>(count) / seconds_since(begin);
  print({{"writer_rows_per_s", ours}, {"copy_rows_per_s", copied}});
}

}  // namespace cadre::bench
