#pragma once

#include <nlohmann/json.hpp>

#include <string>

/// JSON documents in memory: nlohmann's, compiled once in json.cpp. Include this header and not the library's: the
/// library's alone compiles its parser and its serializer into every file that uses them.
namespace nlohmann {

extern template class basic_json<>;

namespace detail {

extern template class serializer<json>;
extern template class json_sax_dom_parser<json>;
extern template class json_sax_dom_callback_parser<json>;
extern template class lexer<json, iterator_input_adapter<std::string::const_iterator>>;
extern template class parser<json, iterator_input_adapter<std::string::const_iterator>>;
extern template class lexer<json, iterator_input_adapter<const char*>>;
extern template class parser<json, iterator_input_adapter<const char*>>;

}  // namespace detail

}  // namespace nlohmann
