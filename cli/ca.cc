#include "cli/ca.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/exit_status.h"
#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/new_file.h"
#include "pki/authority.h"

namespace cli {

namespace {

namespace fs = std::filesystem;

// Of a file's name: NAME_MAX of Linux.
constexpr size_t kFileNameBytesMax = 255;

// A month: what waits longer is found by somebody else.
constexpr int kInvitationHoursMax = 31 * 24;

struct CaArguments {
  std::string directory;
  std::string authority_name;
  int authority_days = pki::kAuthorityDays;
  std::vector<std::string> names;
  bool is_server = false;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  int days = 0;  // 0 for the default of the kind.
  std::string output = ".";
  bool replaces = false;
  std::string revoked;
  std::string invited;
  std::string server = "COLLECTOR:PORT";
  int invitation_hours = 24;
  std::string format = "text";
};

std::string AbsolutePath(const std::string& path) {
  return fs::absolute(path).lexically_normal().string();
}

// Where the certificate and the key of a name go.
struct CertificatePaths {
  std::string certificate;
  std::string key;
};

CertificatePaths PathsOf(const CaArguments& arguments, const std::string& name) {
  const std::string path = AbsolutePath(arguments.output + "/" + name);
  return {.certificate = path + ".pem", .key = path + ".key"};
}

// Nothing is issued that could not be written.
absl::Status CheckPaths(const CaArguments& arguments) {
  std::error_code error;
  if (!fs::is_directory(arguments.output, error)) {
    return absl::NotFoundError(absl::StrFormat("%s: no such directory", arguments.output));
  }
  // Among its files a certificate named "ca" would be the CA's.
  if (fs::equivalent(arguments.output, arguments.directory, error)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s is the CA: write what it issues to another directory (--out)", arguments.output));
  }
  for (const std::string& name : arguments.names) {
    absl::Status checked = pki::CheckName(name);
    if (!checked.ok()) return checked;
    if (name.find('/') != std::string::npos || name.starts_with('.') ||
        name.size() + std::string_view(".pem").size() > kFileNameBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrFormat("\"%s\" cannot be the name of a file: it has a slash, begins with a "
                          "dot, or is too long",
                          name));
    }
    const CertificatePaths paths = PathsOf(arguments, name);
    for (const std::string& path : {paths.certificate, paths.key}) {
      if (!arguments.replaces && fs::exists(fs::symlink_status(path, error))) {
        return absl::AlreadyExistsError(
            absl::StrFormat("%s is there already; --force replaces it", path));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Init(const CaArguments& arguments) {
  const auto made = pki::Authority::Create(
      arguments.directory, {.name = arguments.authority_name, .days = arguments.authority_days});
  if (!made.ok()) return made.status();
  const std::string directory = AbsolutePath(made->directory());
  std::cout << absl::StrFormat(
      "%s: a CA until %s. Keep ca.key in it to yourself, and a copy of all in a safe place.\n"
      "Next, for the collector: auspex ca issue %s NAME --server, with the name that hosts reach "
      "it by\n",
      directory, pki::SecondsText(made->not_after_ms()), directory);
  return absl::OkStatus();
}

absl::Status WriteCertificate(const pki::NewCertificate& certificate, const CertificatePaths& paths,
                              bool replaces) {
  absl::Status written =
      base::WriteNewFile(paths.key, certificate.key_pem, {.mode = 0600, .replaces = replaces});
  if (!written.ok()) return written;
  return base::WriteNewFile(paths.certificate, certificate.certificate_pem,
                            {.mode = 0644, .replaces = replaces});
}

absl::Status Issue(const CaArguments& arguments) {
  if (arguments.is_server && arguments.names.size() > 1) {
    return absl::InvalidArgumentError(
        "--server makes one certificate: give its other names by --dns and --ip");
  }
  if (!arguments.is_server && !(arguments.dns_names.empty() && arguments.ip_addresses.empty())) {
    return absl::InvalidArgumentError("--dns and --ip are for a --server");
  }
  const auto authority = pki::Authority::Open(arguments.directory);
  if (!authority.ok()) return authority.status();
  absl::Status checked = CheckPaths(arguments);
  if (!checked.ok()) return checked;

  for (const std::string& name : arguments.names) {
    auto issued = authority->Issue({.subject = {.name = name,
                                                .dns_names = arguments.dns_names,
                                                .ip_addresses = arguments.ip_addresses},
                                    .kind = arguments.is_server ? pki::CertificateKind::kServer
                                                                : pki::CertificateKind::kClient,
                                    .days = arguments.days});
    if (!issued.ok()) return issued.status();
    const CertificatePaths paths = PathsOf(arguments, name);
    // Whoever is invited knows the CA when a collector shows it.
    if (arguments.is_server) issued->certificate_pem += authority->certificate_pem();
    absl::Status written = WriteCertificate(*issued, paths, arguments.replaces);
    if (!written.ok()) return written;
    std::cout << absl::StrFormat("%s: until %s, key in %s\n", paths.certificate,
                                 pki::SecondsText(issued->entry.not_after_ms), paths.key);
  }
  const std::string ca = AbsolutePath(authority->certificate_path());
  if (arguments.is_server) {
    const CertificatePaths paths = PathsOf(arguments, arguments.names.front());
    std::cout << absl::StrFormat(
        "Next, in auspexd.conf, with files that auspexd may read:\n"
        "api_certificate_file = %s\napi_key_file = %s\napi_ca_file = %s\n",
        paths.certificate, paths.key, ca);
  } else {
    std::cout << absl::StrFormat(
        "Next: bring each pair to its owner, with %s, by which it knows the collector;\n"
        "api_access_file in auspexd.conf says what each name may do\n",
        ca);
  }
  return absl::OkStatus();
}

absl::Status Invite(const CaArguments& arguments) {
  const auto authority = pki::Authority::Open(arguments.directory);
  if (!authority.ok()) return authority.status();
  const auto invitation =
      authority->Invite(arguments.invited, std::chrono::hours(arguments.invitation_hours));
  if (!invitation.ok()) return invitation.status();
  std::cout << absl::StrFormat("auspex enroll --server %s %s\n", arguments.server, *invitation);
  std::cerr << absl::StrFormat(
      "Next: that is the command for %s, good once and for %d hours; auspexd needs\n"
      "\"api_enroll_ca = %s\"\n",
      arguments.invited, arguments.invitation_hours, AbsolutePath(authority->directory()));
  return absl::OkStatus();
}

absl::Status Revoke(const CaArguments& arguments) {
  const auto authority = pki::Authority::Open(arguments.directory);
  if (!authority.ok()) return authority.status();
  const auto revoked = authority->Revoke(arguments.revoked);
  if (!revoked.ok()) return revoked.status();
  if (revoked->empty()) {
    std::cout << absl::StrFormat("%s had an invitation only: it does not count any more\n",
                                 arguments.revoked);
    return absl::OkStatus();
  }
  for (const pki::IssuedCertificate& certificate : *revoked) {
    std::cout << absl::StrFormat("revoked %s of %s\n", certificate.serial, certificate.name);
  }
  std::cout << absl::StrFormat(
      "Next: auspexd refuses it within a second, if it has the line \"api_crl_file = %s\"\n",
      AbsolutePath(authority->list_path()));
  return absl::OkStatus();
}

const char* StateOf(const pki::IssuedCertificate& certificate) {
  if (certificate.revoked_ms) return "revoked";
  return certificate.not_after_ms < base::NowMs() ? "ended" : "valid";
}

// Names are printable ASCII.
std::string JsonString(const std::string& text) {
  return '"' + absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}) + '"';
}

std::string JsonLine(const pki::IssuedCertificate& certificate) {
  std::string line = absl::StrFormat(
      R"({"serial":"%s","name":%s,"kind":"%s","not_after":"%s","state":"%s")", certificate.serial,
      JsonString(certificate.name), pki::KindName(certificate.kind),
      pki::SecondsText(certificate.not_after_ms), StateOf(certificate));
  if (certificate.revoked_ms) {
    absl::StrAppendFormat(&line, R"(,"revoked":"%s")", pki::SecondsText(*certificate.revoked_ms));
  }
  return line + "}";
}

absl::Status List(const CaArguments& arguments) {
  const auto authority = pki::Authority::Open(arguments.directory);
  if (!authority.ok()) return authority.status();
  const auto certificates = authority->List();
  if (!certificates.ok()) return certificates.status();
  for (const pki::IssuedCertificate& certificate : *certificates) {
    if (arguments.format == "json") {
      std::cout << JsonLine(certificate) << '\n';
      continue;
    }
    std::cout << absl::StrFormat(
        "%s  %-6s  %s  %-7s  %s\n", certificate.serial, pki::KindName(certificate.kind),
        pki::SecondsText(certificate.not_after_ms), StateOf(certificate), certificate.name);
  }
  return absl::OkStatus();
}

}  // namespace

int Ca(int argc, char** argv) {
  CaArguments arguments;
  CLI::App app("A private certificate authority, for those who have none", "auspex ca");
  app.require_subcommand(1);
  CLI::App* const init = app.add_subcommand("init", "Make a CA in a new directory");
  CLI::App* const issue = app.add_subcommand("issue", "Make keys and certificates");
  CLI::App* const invite =
      app.add_subcommand("invite", "Let a host have a certificate by `auspex enroll`, once");
  CLI::App* const revoke = app.add_subcommand("revoke", "Take certificates back");
  CLI::App* const list = app.add_subcommand("list", "What was issued");
  for (CLI::App* const command : {init, issue, invite, revoke, list}) {
    command->add_option("DIR", arguments.directory, "The directory of the CA")->required();
  }
  const CLI::Range days_range(1, pki::kDaysMax);
  init->add_option("--name", arguments.authority_name,
                   "What the CA is called (default: Auspex CA and the day)");
  init->add_option("--days", arguments.authority_days, "How long it lives")
      ->check(days_range)
      ->capture_default_str();
  issue
      ->add_option(
          "NAME", arguments.names,
          "Whom for: a host, a viewer, an admin; of a collector, the name it is reached by")
      ->required();
  issue->add_flag("--server", arguments.is_server, "A certificate for a collector");
  issue->add_option("--dns", arguments.dns_names, "Another DNS name of the collector")
      ->allow_extra_args(false);
  issue->add_option("--ip", arguments.ip_addresses, "An IP address of the collector")
      ->allow_extra_args(false);
  issue
      ->add_option("--days", arguments.days,
                   absl::StrFormat("How long they are valid (default: %d, of a server %d)",
                                   pki::kClientDays, pki::kServerDays))
      ->check(days_range);
  issue->add_option("--out", arguments.output, "Where NAME.pem and NAME.key go")
      ->capture_default_str();
  issue->add_flag("--force", arguments.replaces, "Replace files that are there");
  invite->add_option("NAME", arguments.invited, "The host")->required();
  invite
      ->add_option("--server", arguments.server,
                   "Where the collector serves the API, for the command that is printed")
      ->capture_default_str();
  invite->add_option("--hours", arguments.invitation_hours, "How long the invitation holds")
      ->check(CLI::Range(1, kInvitationHoursMax))
      ->capture_default_str();
  revoke->add_option("WHAT", arguments.revoked, "A name, for all that it has, or a serial number")
      ->required();
  list->add_option("--format", arguments.format, "text or json, a line for each certificate")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

  if (init->parsed()) return ExitStatus("auspex ca init", Init(arguments));
  if (issue->parsed()) return ExitStatus("auspex ca issue", Issue(arguments));
  if (invite->parsed()) return ExitStatus("auspex ca invite", Invite(arguments));
  if (revoke->parsed()) return ExitStatus("auspex ca revoke", Revoke(arguments));
  return ExitStatus("auspex ca list", List(arguments));
}

}  // namespace cli
