#include "brief_writer.hpp"

#include "actors/brief/brief.hpp"
#include "actors/command/command_client.hpp"
#include "schemas/log.hpp"
#include "storage/read/queries.hpp"

namespace cadre::actors {

result<brief_add> write_brief(storage::reader& source, const std::string& company, brief_id id) {
  const auto snapshot = source.snapshot(storage::queries::brief_parts(company));
  if (!snapshot) return tl::unexpected{snapshot.error()};
  const auto document = brief::compose(*snapshot);
  if (!document) return tl::unexpected{document.error()};
  brief_add add;
  add.id = std::move(id);
  add.body.text = *document;
  add.markdown = brief::to_markdown(*document);
  return add;
}

caf::behavior brief_writer(caf::stateful_actor<brief_writer_state>* self, std::string reader_url, std::string company,
                           caf::actor commands) {
  return {
      [=](const brief_due& due) {
        auto& source = self->state.source;
        if (!source) {
          auto opened = storage::reader::open(reader_url);
          if (!opened) return log::error("the brief could not be written: {}", opened.error().message);
          source = std::move(*opened);
        }
        auto add = write_brief(*source, company, due.id);
        if (!add) return log::error("the brief could not be written: {}", add.error().message);
        auto c = make_command("leader", std::move(*add));
        self->request(commands, command_timeout, std::move(c))
            .then([](const outcome&) {},
                  [](const caf::error&) { log::error("the brief could not be kept: the writer did not answer"); });
      },
  };
}

}  // namespace cadre::actors
