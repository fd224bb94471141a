// Markup: HTML and SVG written so that whatever comes from a dump is escaped and every element is closed, by construction.
//
// Tags, attribute names and classes are ours (string literals); attribute values and text may be hostile. Nothing else writes markup.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/clean.h"

namespace inquest::report {

struct Attribute {
  std::string_view name;
  std::string value;
};
using Attributes = std::vector<Attribute>;

class Markup {
 public:
  // <tag …>body</tag>
  template <typename F>
    requires requires(F body) { body(); }
  void element(std::string_view tag, const Attributes& attributes, F body) {
    open(tag, attributes);
    body();
    out_ += "</";
    out_ += tag;
    out_ += '>';
  }
  void element(std::string_view tag, const Attributes& attributes, std::string_view content) {
    element(tag, attributes, [&] { text(content); });
  }
  void element(std::string_view tag, std::string_view content) { element(tag, {}, content); }
  // <tag …>: an element that HTML or SVG knows as empty. SVG inside HTML takes the slash.
  void empty(std::string_view tag, const Attributes& attributes) {
    open(tag, attributes);
    out_.back() = '/';
    out_ += '>';
  }
  void text(std::string_view hostile) { out_ += escape_html(hostile); }
  // Text in which `backquoted` words are code.
  void prose(std::string_view hostile);
  // Our own markup and style sheets, never anything read.
  void literal(std::string_view ours) { out_ += ours; }

  std::string take() { return std::move(out_); }

 private:
  void open(std::string_view tag, const Attributes& attributes) {
    out_ += '<';
    out_ += tag;
    for (const auto& a : attributes) {
      out_ += ' ';
      out_ += a.name;
      out_ += "=\"";
      out_ += escape_html(a.value);
      out_ += '"';
    }
    out_ += '>';
  }
  std::string out_;
};

}  // namespace inquest::report
