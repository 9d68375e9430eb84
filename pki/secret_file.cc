#include "pki/secret_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/clock.h"
#include "base/new_file.h"
#include "pki/lock.h"
#include "pki/read_file.h"
#include "pki/register.h"
#include "pki/subject.h"

namespace pki {

namespace {

constexpr std::string_view kFirstLine = "# auspex secrets 1: name sha256 not-after\n";
constexpr size_t kSecretBytes = 32;

bool IsDigest(std::string_view text) {
  return text.size() == size_t{2} * SHA256_DIGEST_LENGTH && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::optional<Secret> ParseLine(const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words.size() != 3 || !CheckName(words[0]).ok() || !IsDigest(words[1])) return std::nullopt;
  const std::optional<uint64_t> not_after_ms = ParseSeconds(words[2]);
  if (!not_after_ms) return std::nullopt;
  return Secret{.name = words[0], .digest = words[1], .not_after_ms = *not_after_ms};
}

}  // namespace

std::string DigestOf(std::string_view secret) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

absl::StatusOr<std::string> MakeSecret() {
  for (;;) {
    std::array<unsigned char, kSecretBytes> bytes{};
    if (RAND_bytes(bytes.data(), bytes.size()) != 1) {
      return absl::InternalError("the system has no random bits");
    }
    std::string secret =
        absl::WebSafeBase64Escape({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    // Every 64th would be an option on a command line.
    if (secret.front() != '-') return secret;
  }
}

std::string FormatSecrets(const std::vector<Secret>& secrets) {
  std::string text(kFirstLine);
  for (const Secret& secret : secrets) {
    absl::StrAppendFormat(&text, "%s %s %s\n", secret.name, secret.digest,
                          SecondsText(secret.not_after_ms));
  }
  return text;
}

absl::StatusOr<std::vector<Secret>> ParseSecrets(std::string_view text,
                                                 const std::string& file_name) {
  if (!absl::StartsWith({text.data(), text.size()}, {kFirstLine.data(), kFirstLine.size()})) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: does not begin as a file of secrets that this program knows", file_name));
  }
  text.remove_prefix(kFirstLine.size());
  std::vector<Secret> secrets;
  for (size_t number = 2; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return absl::DataLossError(absl::StrFormat("%s:%d: is cut off", file_name, number));
    }
    std::optional<Secret> secret = ParseLine(std::string(text.substr(0, end)));
    if (!secret) {
      return absl::DataLossError(absl::StrFormat("%s:%d: is damaged", file_name, number));
    }
    secrets.push_back(*std::move(secret));
    text.remove_prefix(end + 1);
  }
  return secrets;
}

absl::StatusOr<std::vector<Secret>> ReadSecrets(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kSecretsBytesMax);
  if (absl::IsNotFound(text.status())) return std::vector<Secret>();
  if (!text.ok()) return text.status();
  return ParseSecrets(*text, path);
}

SecretFile::SecretFile(std::string path) : path_(std::move(path)) {}

absl::Status SecretFile::Failed(const absl::Status& status) const {
  return {status.code(), absl::StrFormat("%s: %s", path_, status.message())};
}

absl::StatusOr<std::string> SecretFile::Add(const std::string& name, std::chrono::seconds lifetime,
                                            bool replaces) {
  const absl::Status checked = CheckName(name);
  if (!checked.ok()) return checked;
  absl::StatusOr<std::string> made = MakeSecret();
  if (!made.ok()) return made.status();

  const absl::StatusOr<Lock> lock = Lock::OfFile(path_);
  if (!lock.ok()) return Failed(lock.status());
  absl::StatusOr<std::vector<Secret>> secrets = ReadSecrets(path_);
  if (!secrets.ok()) return secrets.status();
  const uint64_t now_ms = base::NowMs();
  std::erase_if(*secrets, [&](const Secret& secret) {
    return secret.not_after_ms < now_ms || (replaces && secret.name == name);
  });
  if (std::ranges::find(*secrets, name, &Secret::name) != secrets->end()) {
    return Failed(absl::AlreadyExistsError(absl::StrFormat("%s has one already", name)));
  }
  if (secrets->size() >= kSecretsMax) {
    return Failed(absl::ResourceExhaustedError(
        absl::StrFormat("there are %d, which is all that it can hold", kSecretsMax)));
  }
  const uint64_t end_ms =
      now_ms + static_cast<uint64_t>(std::chrono::milliseconds(lifetime).count());
  secrets->push_back(
      {.name = name, .digest = DigestOf(*made), .not_after_ms = end_ms - end_ms % 1000});
  const absl::Status written =
      base::WriteNewFile(path_, FormatSecrets(*secrets), {.mode = 0644, .replaces = true});
  if (!written.ok()) return written;
  return made;
}

absl::Status SecretFile::Remove(const std::string& name) {
  const absl::StatusOr<Lock> lock = Lock::OfFile(path_);
  if (!lock.ok()) return Failed(lock.status());
  absl::StatusOr<std::vector<Secret>> secrets = ReadSecrets(path_);
  if (!secrets.ok()) return secrets.status();
  if (std::erase_if(*secrets, [&](const Secret& secret) { return secret.name == name; }) == 0) {
    return Failed(
        absl::NotFoundError(absl::StrFormat("there is no \"%s\"", absl::CHexEscape(name))));
  }
  return base::WriteNewFile(path_, FormatSecrets(*secrets), {.mode = 0644, .replaces = true});
}

}  // namespace pki
