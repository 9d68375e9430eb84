#include "cli/client_config.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/small_file.h"

namespace cli {

namespace {

constexpr char kSystemFile[] = "/etc/auspex/auspex.conf";
constexpr char kUserFile[] = "/auspex/auspex.conf";

struct Key {
  std::string_view name;
  std::string ClientConfig::*value;
};

constexpr Key kKeys[] = {
    {"server", &ClientConfig::server},
    {"certificate_file", &ClientConfig::certificate_file},
    {"key_file", &ClientConfig::key_file},
    {"ca_file", &ClientConfig::ca_file},
    {"token_file", &ClientConfig::token_file},
    {"server_name", &ClientConfig::server_name},
};

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The files that are looked for, the first one first.
std::vector<std::string> Files() {
  std::vector<std::string> files;
  if (const std::string home = Variable("XDG_CONFIG_HOME"); !home.empty()) {
    files.push_back(home + kUserFile);
  } else if (const std::string user = Variable("HOME"); !user.empty()) {
    files.push_back(user + "/.config" + kUserFile);
  }
  files.emplace_back(kSystemFile);
  return files;
}

absl::StatusOr<ClientConfig> ReadFile(const std::string& path) {
  const absl::StatusOr<std::string> text =
      base::ReadSmallFile(path, kClientConfigBytesMax + 1, /*may_wait=*/true);
  if (!text.ok()) return text.status();
  if (text->size() > kClientConfigBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: more than %d bytes", path, kClientConfigBytesMax));
  }
  return ParseClientConfig(*text, path);
}

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

absl::StatusOr<ClientConfig> ParseClientConfig(const std::string& text, const std::string& path) {
  ClientConfig config;
  config.path = path;
  int number = 0;
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", number, ": ", what));
  };
  std::istringstream lines(text);
  for (std::string whole; std::getline(lines, whole);) {
    ++number;
    const std::string_view line = Trimmed(whole);
    if (line.empty() || line.starts_with('#')) continue;
    const size_t sign = line.find('=');
    if (sign == std::string_view::npos) return wrong("this is not \"key = value\"");
    const std::string name(Trimmed(line.substr(0, sign)));
    const std::string value(Trimmed(line.substr(sign + 1)));
    const Key* const key = std::ranges::find(kKeys, std::string_view(name), &Key::name);
    if (key == std::end(kKeys)) return wrong(absl::StrCat("there is no key ", name));
    if (value.empty()) return wrong(absl::StrCat(name, " has no value"));
    if (!(config.*key->value).empty()) return wrong(absl::StrCat(name, " was set before"));
    config.*key->value = value;
  }
  return config;
}

absl::StatusOr<ClientConfig> ReadClientConfig() {
  if (const std::string named = Variable("AUSPEX_CONFIG"); !named.empty()) return ReadFile(named);
  for (const std::string& path : Files()) {
    absl::StatusOr<ClientConfig> read = ReadFile(path);
    if (!absl::IsNotFound(read.status())) return read;
  }
  return ClientConfig();
}

}  // namespace cli
