#include "records/mime.h"

#include <algorithm>

#include "records/encoding.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr int kMaxDepth = 8;
constexpr int kMaxParts = 200;
constexpr size_t kMaxText = 4 << 20;
constexpr size_t kMaxReferences = 200;

struct Header {
  std::string_view name;
  std::string value;  // unfolded, still encoded
};

struct Entity {
  std::vector<Header> headers;
  std::string_view body;

  std::string_view get(std::string_view name) const {
    for (const Header& h : headers) {
      if (equal_ignoring_case(h.name, name)) return h.value;
    }
    return {};
  }
};

Entity split_entity(std::string_view raw) {
  Entity entity;
  if (raw.starts_with("From ")) cut_line(raw);  // an mbox line
  while (!raw.empty()) {
    std::string_view before = raw;
    std::string_view line = cut_line(raw);
    if (line.empty()) break;
    if ((line[0] == ' ' || line[0] == '\t') && !entity.headers.empty()) {
      std::string& value = entity.headers.back().value;
      if (value.size() < 64 * 1024) value.append(" ").append(trim(line));
      continue;
    }
    size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || line.substr(0, colon).find(' ') != std::string_view::npos) {
      if (entity.headers.empty()) return Entity{{}, before};  // no header at all: everything is body
      continue;
    }
    if (entity.headers.size() < 1000) entity.headers.push_back({line.substr(0, colon), std::string(trim(line.substr(colon + 1)))});
  }
  entity.body = raw;
  return entity;
}

// The value of parameter `name` in "text/plain; charset="x"; format=flowed".
std::string parameter(std::string_view value, std::string_view name) {
  size_t at = value.find(';');
  while (at != std::string_view::npos) {
    std::string_view rest = trim(value.substr(at + 1));
    size_t equals = rest.find('=');
    if (equals == std::string_view::npos) return {};
    std::string_view key = trim(rest.substr(0, equals));
    std::string_view data = trim(rest.substr(equals + 1));
    bool quoted = !data.empty() && data[0] == '"';
    size_t end = quoted ? data.find('"', 1) : data.find(';');
    if (equal_ignoring_case(key, name)) {
      if (quoted) return std::string(data.substr(1, end == std::string_view::npos ? end : end - 1));
      return std::string(trim(data.substr(0, end)));
    }
    if (end == std::string_view::npos) return {};
    size_t base = size_t(data.data() - value.data());
    at = value.find(';', base + end);
  }
  return {};
}

struct Decoder {
  std::string text;
  std::vector<std::string> damage;
  int parts = 0;

  void note(std::string sentence) {
    if (damage.size() < 8 && std::find(damage.begin(), damage.end(), sentence) == damage.end()) damage.push_back(std::move(sentence));
  }
  void append(std::string_view piece) {
    if (text.size() + piece.size() > kMaxText) {
      note("more text than 4 MiB: the rest was left out");
      piece = piece.substr(0, kMaxText - std::min(kMaxText, text.size()));
    }
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += piece;
  }
  void leaf(const Entity& entity, std::string_view type, bool html);
  void multipart(const Entity& entity, std::string_view type, int depth);
  void entity(const Entity& e, int depth);
};

std::string undo_transfer_encoding(const Entity& entity) {
  std::string_view encoding = trim(entity.get("content-transfer-encoding"));
  if (starts_ignoring_case(encoding, "base64")) return decode_base64(entity.body);
  if (starts_ignoring_case(encoding, "quoted-printable")) return decode_quoted_printable(entity.body);
  return std::string(entity.body);
}

std::string without_carriage_returns(std::string text) {
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\0'; }), text.end());
  return text;
}

void Decoder::leaf(const Entity& e, std::string_view type, bool html) {
  std::string bytes = undo_transfer_encoding(e);
  if (bytes.size() > 2 * kMaxText) {
    note("a part larger than 8 MiB was cut");
    bytes.resize(2 * kMaxText);
  }
  std::string plain = without_carriage_returns(to_utf8(std::move(bytes), parameter(type, "charset")));
  if (html) {
    append(strip_html(plain));
  } else if (equal_ignoring_case(parameter(type, "format"), "flowed")) {
    append(unflow(plain, equal_ignoring_case(parameter(type, "delsp"), "yes")));
  } else {
    append(plain);
  }
}

bool looks_like_text(const Entity& e, std::string_view type) {
  if (type.empty() || starts_ignoring_case(type, "text/")) return true;
  std::string name = lower(parameter(type, "name"));
  if (name.empty()) name = lower(parameter(e.get("content-disposition"), "filename"));
  for (std::string_view ending : {".patch", ".diff", ".txt", ".log", ".mbox", "dmesg"}) {
    if (name.ends_with(ending)) return true;
  }
  return starts_ignoring_case(type, "message/delivery-status");
}

void Decoder::multipart(const Entity& e, std::string_view type, int depth) {
  std::string boundary = parameter(type, "boundary");
  if (boundary.empty()) {
    note("a multipart without a boundary");
    append(without_carriage_returns(std::string(e.body)));
    return;
  }
  std::string mark = "--" + boundary;
  bool alternative = starts_ignoring_case(type, "multipart/alternative");
  size_t before = text.size();
  size_t at = e.body.starts_with(mark) ? 0 : e.body.find("\n" + mark);
  if (at == std::string_view::npos) note("a multipart whose boundary never comes");
  bool closed = false;
  while (at != std::string_view::npos && parts < kMaxParts) {
    size_t start = e.body.find('\n', at + mark.size());
    std::string_view tail = e.body.substr(std::min(e.body.size(), at + mark.size() + (at ? 1 : 0)));
    if (tail.starts_with("--")) {
      closed = true;
      break;
    }
    if (start == std::string_view::npos) break;
    size_t next = e.body.find("\n" + mark, start);
    std::string_view piece = e.body.substr(start + 1, next == std::string_view::npos ? next : next > start ? next - start - 1 : 0);
    if (!alternative || text.size() == before) entity(split_entity(piece), depth + 1);
    at = next;
  }
  if (!closed && parts < kMaxParts) note("a multipart that is cut short");
}

void Decoder::entity(const Entity& e, int depth) {
  if (depth > kMaxDepth || ++parts > kMaxParts) {
    note("nested or split too often: the rest was left out");
    return;
  }
  std::string_view type = trim(e.get("content-type"));
  if (starts_ignoring_case(type, "multipart/")) {
    multipart(e, type, depth);
  } else if (starts_ignoring_case(type, "message/rfc822")) {
    entity(split_entity(e.body), depth + 1);
  } else if (looks_like_text(e, type)) {
    leaf(e, type, starts_ignoring_case(type, "text/html"));
  }
}

void collect_ids(std::string_view value, std::vector<std::string>& out) {
  size_t at = 0;
  while ((at = value.find('<', at)) != std::string_view::npos && out.size() < kMaxReferences) {
    size_t end = value.find('>', at);
    if (end == std::string_view::npos) break;
    std::string_view id = trim(value.substr(at + 1, end - at - 1));
    if (!id.empty() && id.size() < 1000 && std::find(out.begin(), out.end(), id) == out.end()) out.emplace_back(id);
    at = end + 1;
  }
}

void read_sender(std::string_view value, Mail& mail) {
  size_t open = value.rfind('<');
  size_t close = value.rfind('>');
  if (open != std::string_view::npos && close != std::string_view::npos && open < close) {
    mail.from_address = lower(trim(value.substr(open + 1, close - open - 1)));
    std::string_view name = trim(value.substr(0, open));
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    mail.from_name = squeeze(decode_header_words(name));
  } else {
    std::string_view rest = value;
    mail.from_address = lower(cut_token(rest));
    rest = trim(rest);
    if (rest.size() > 2 && rest.front() == '(') mail.from_name = squeeze(decode_header_words(rest.substr(1, rest.size() - 2)));
  }
}

}  // namespace

Mail parse_mail(std::string_view raw) {
  Mail mail;
  Entity top = split_entity(raw);
  Decoder decoder;
  decoder.entity(top, 0);
  mail.text = is_valid_utf8(decoder.text) ? std::move(decoder.text) : to_utf8(std::move(decoder.text), "utf-8");
  mail.damage = std::move(decoder.damage);
  std::vector<std::string> ids;
  collect_ids(top.get("message-id"), ids);
  if (!ids.empty()) mail.message_id = to_utf8(ids[0], "");
  collect_ids(top.get("references"), mail.references);
  std::vector<std::string> parents;
  collect_ids(top.get("in-reply-to"), parents);
  for (std::string& id : parents) {
    if (std::find(mail.references.begin(), mail.references.end(), id) == mail.references.end()) mail.references.push_back(std::move(id));
  }
  for (std::string& id : mail.references) id = to_utf8(std::move(id), "");
  mail.subject = shorten(squeeze(decode_header_words(top.get("subject"))), 1000);
  read_sender(top.get("from"), mail);
  mail.from_address = shorten(to_utf8(std::move(mail.from_address), ""), 200);
  mail.from_name = shorten(mail.from_name, 200);
  mail.date = parse_mail_date(top.get("date"));
  if (top.headers.empty()) mail.damage.push_back("no header lines");
  if (mail.message_id.empty()) mail.damage.push_back("no Message-ID");
  return mail;
}

}  // namespace inquest::records
