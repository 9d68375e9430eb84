#include "cli/token.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/str_format.h"
#include "cli/exit_status.h"
#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "pki/register.h"
#include "pki/secret_file.h"

namespace cli {

namespace {

constexpr char kDefaultFile[] = "/etc/auspex/tokens";

// A quarter: long enough to be renewed in peace, short enough that a forgotten one ends.
constexpr int kDaysUsual = 90;

// Ten years: what is longer is a slip of the keyboard.
constexpr int kDaysMax = 3650;

struct TokenArguments {
  std::string file = kDefaultFile;
  std::string name;
  int days = kDaysUsual;
};

absl::Status Create(const TokenArguments& arguments) {
  const auto made =
      pki::SecretFile(arguments.file).Add(arguments.name, std::chrono::days(arguments.days));
  if (!made.ok()) return made.status();
  std::cout << *made << '\n';
  std::cerr << absl::StrFormat(
      "Next: that is the token, shown only now, good for %d days. The name that api_access_file\n"
      "gives a role to is token:%s; auspexd needs \"api_token_file = %s\"\n",
      arguments.days, arguments.name, arguments.file);
  return absl::OkStatus();
}

absl::Status Revoke(const TokenArguments& arguments) {
  const absl::Status removed = pki::SecretFile(arguments.file).Remove(arguments.name);
  if (removed.ok()) std::cout << "revoked " << arguments.name << '\n';
  return removed;
}

absl::Status List(const TokenArguments& arguments) {
  const auto secrets = pki::ReadSecrets(arguments.file);
  if (!secrets.ok()) return secrets.status();
  for (const pki::Secret& secret : *secrets) {
    std::cout << absl::StrFormat("%s  %-5s  %s\n", pki::SecondsText(secret.not_after_ms),
                                 secret.not_after_ms < base::NowMs() ? "ended" : "valid",
                                 secret.name);
  }
  return absl::OkStatus();
}

}  // namespace

int Token(int argc, char** argv) {
  TokenArguments arguments;
  CLI::App app("Tokens that readers of the API show instead of a certificate", "auspex token");
  app.require_subcommand(1);
  CLI::App* const create = app.add_subcommand("create", "Make a token, and print it");
  CLI::App* const revoke = app.add_subcommand("revoke", "Take a token back");
  CLI::App* const list = app.add_subcommand("list", "Whose tokens there are, and until when");
  for (CLI::App* const command : {create, revoke, list}) {
    command->add_option("--file", arguments.file, "Where auspexd finds them: api_token_file")
        ->capture_default_str();
  }
  for (CLI::App* const command : {create, revoke}) {
    command->add_option("NAME", arguments.name, "Whose it is")->required();
  }
  create->add_option("--days", arguments.days, "How long it is good")
      ->check(CLI::Range(1, kDaysMax))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  if (create->parsed()) return ExitStatus("auspex token create", Create(arguments));
  if (revoke->parsed()) return ExitStatus("auspex token revoke", Revoke(arguments));
  return ExitStatus("auspex token list", List(arguments));
}

}  // namespace cli
