// Json: a JSON text written piece by piece; what all files of the report's JSON share.
#pragma once

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/clean.h"
#include "scene/crash_scene.h"

namespace inquest::report {

class Json {
 public:
  Json() : writer_(buffer_) { writer_.SetIndent(' ', 1); }
  std::string text() const { return std::string(buffer_.GetString(), buffer_.GetSize()) + "\n"; }

  template <typename F>
  void object(F body) {
    writer_.StartObject();
    body();
    writer_.EndObject();
  }
  template <typename List, typename F>
  void array(const List& list, F each) {
    writer_.StartArray();
    for (const auto& item : list) each(item);
    writer_.EndArray();
  }
  void key(std::string_view name) { writer_.Key(name.data(), rapidjson::SizeType(name.size())); }

  // Logs hold any bytes; JSON is UTF-8.
  void value(const std::string& v) {
    std::string clean = valid_utf8(v);
    writer_.String(clean.c_str(), rapidjson::SizeType(clean.size()));
  }
  void value(const char* v) { value(std::string(v)); }
  void value(bool v) { writer_.Bool(v); }
  void value(int v) { writer_.Int(v); }
  void value(int64_t v) { writer_.Int64(v); }
  void value(uint64_t v) { writer_.Uint64(v); }
  void value(double v) {
    if (std::isfinite(v)) writer_.Double(v);
    else writer_.Null();
  }
  template <typename T>
  void value(const std::optional<T>& v) {
    if (v) value(*v);
    else writer_.Null();
  }
  void null() { writer_.Null(); }
  template <typename T>
  void field(std::string_view name, const T& v) {
    key(name);
    value(v);
  }
  void address(std::string_view name, std::optional<uint64_t> v) {
    key(name);
    if (v) value(fmt::format("0x{:x}", *v));
    else writer_.Null();
  }
  void text_or_null(std::string_view name, const std::string& v) {
    key(name);
    if (v.empty()) writer_.Null();
    else value(v);
  }
  void strings(std::string_view name, const std::vector<std::string>& list) {
    key(name);
    array(list, [&](const std::string& s) { value(s); });
  }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer_;
};

// What the log itself says of an event beside its contract fields: json_code.cc.
void write_code(Json& j, const scene::EventView& view);
void write_log_details(Json& j, const oops::Event& event);

}  // namespace inquest::report
