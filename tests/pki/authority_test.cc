#include "pki/authority.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/pki/authority_fixture.h"

namespace pki {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

constexpr uint64_t kDayMs = uint64_t{24} * 3600 * 1000;
constexpr size_t kCountOfProcess = 20;
constexpr int kKills = 5;
constexpr size_t kSerialsBeforeKill = 7;

class AuthorityTest : public AuthorityFixture {
 protected:
  mode_t ModeOf(const std::string& path) const {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }

  std::vector<std::string> RegisteredSerials() const {
    const auto listed = authority_.List();
    EXPECT_TRUE(listed.ok()) << listed.status();
    std::vector<std::string> serials;
    for (const IssuedCertificate& certificate : *listed) serials.push_back(certificate.serial);
    return serials;
  }

  // Issues certificates in a process of its own until it is killed or has made `count`, and writes
  // the serial number of each to `output`.
  pid_t IssueInAnotherProcess(size_t count, int output) const {
    const pid_t child = fork();
    if (child != 0) return child;
    const auto authority = Authority::Open(authority_.directory());
    for (size_t i = 0; i < count; ++i) {
      const auto issued = authority->Issue({.subject = {.name = "web1"}});
      if (!issued.ok()) _exit(1);
      const std::string line = issued->entry.serial + "\n";
      if (write(output, line.data(), line.size()) < 0) _exit(1);
    }
    _exit(0);
  }
};

TEST_F(AuthorityTest, KeepsItsKeyFromOthers) {
  EXPECT_EQ(ModeOf(Path("ca")), 0700u);
  EXPECT_EQ(ModeOf(Path("ca/ca.key")), 0600u);
  EXPECT_EQ(ModeOf(authority_.certificate_path()), 0644u);
  EXPECT_EQ(ModeOf(authority_.list_path()), 0644u);
}

TEST_F(AuthorityTest, IsAStrictlyCorrectCaWithAnEmptyList) {
  OpensslOutput("verify -x509_strict -check_ss_sig -CAfile " + authority_.certificate_path() + " " +
                authority_.certificate_path());
  const std::string text = OpensslOutput("x509 -noout -text -in " + authority_.certificate_path());
  EXPECT_THAT(text, HasSubstr("X509v3 Basic Constraints: critical\n"
                              "                CA:TRUE, pathlen:0\n"));
  EXPECT_THAT(text, HasSubstr("X509v3 Key Usage: critical\n"
                              "                Certificate Sign, CRL Sign\n"));
  EXPECT_THAT(text, HasSubstr("ASN1 OID: prime256v1"));
  const std::string list = OpensslOutput("crl -noout -text -in " + authority_.list_path() +
                                         " -CAfile " + authority_.certificate_path());
  EXPECT_THAT(list, HasSubstr("verify OK"));
  EXPECT_THAT(list, HasSubstr("No Revoked Certificates"));
}

TEST_F(AuthorityTest, TakesAnEmptyDirectoryAndNoOther) {
  std::filesystem::create_directory(Path("empty"));
  std::filesystem::create_directory(Path("full"));
  Write(Path("full/letter"), "mine");
  Write(Path("file"), "mine");
  EXPECT_TRUE(Authority::Create(Path("empty/")).ok());
  EXPECT_EQ(ModeOf(Path("empty")), 0700u);
  const std::string before = Content(authority_.certificate_path());
  for (const char* taken : {"ca", "full", "file"}) {
    const auto refused = Authority::Create(Path(taken));
    EXPECT_TRUE(absl::IsAlreadyExists(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(Path(taken)));
  }
  EXPECT_EQ(Content(authority_.certificate_path()), before);
  EXPECT_EQ(Content(Path("full/letter")), "mine");
  EXPECT_EQ(Content(Path("file")), "mine");
}

TEST_F(AuthorityTest, LeavesNothingBehindWhenItCannotBeMade) {
  EXPECT_TRUE(absl::IsNotFound(Authority::Create(Path("no/ca")).status()));
  for (const AuthorityOptions& wrong :
       {AuthorityOptions{.name = std::string(65, 'x')}, AuthorityOptions{.name = "a\nb"},
        AuthorityOptions{.name = "\xFF"}, AuthorityOptions{.days = 0},
        AuthorityOptions{.days = kDaysMax + 1}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Authority::Create(Path("other"), wrong).status()));
  }
  std::filesystem::remove_all(Path("ca"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(AuthorityTest, IsNotOpenedWhereThereIsNone) {
  EXPECT_TRUE(absl::IsNotFound(Authority::Open(Path("none")).status()));
  const Authority other = Make(Path("other"));
  std::filesystem::copy_file(Path("other/ca.key"), Path("ca/ca.key"),
                             std::filesystem::copy_options::overwrite_existing);
  const auto mixed = Authority::Open(Path("ca"));
  EXPECT_TRUE(absl::IsDataLoss(mixed.status()));
  EXPECT_EQ(mixed.status().message(),
            "CA " + Path("ca") + ": the key is not that of the certificate");
}

TEST_F(AuthorityTest, IssuesClientsThatOpensslVerifies) {
  for (const std::string& name :
       {std::string("web1"), std::string("web1.prod.example"), std::string("ops_alice@example"),
        std::string("DNS:a,IP:1.2.3.4"), std::string(64, 'x'), std::string(65, 'x'),
        std::string(255, 'x')}) {
    const NewCertificate issued = Issue(name);
    const CommandResult client = Verify(issued, "-purpose sslclient");
    EXPECT_TRUE(client.succeeded) << client.output;
    EXPECT_FALSE(Verify(issued, "-purpose sslserver").succeeded);
    EXPECT_THAT(TextOf(issued), HasSubstr("DNS:" + name + "\n"));
  }
}

TEST_F(AuthorityTest, IssuesServersThatOpensslVerifiesByEachOfTheirNames) {
  const NewCertificate issued =
      Issue(CertificateOrder{.subject = {.name = "collector.example",
                                         .dns_names = {"audit.example"},
                                         .ip_addresses = {"192.0.2.1", "2001:db8::1"}},
                             .kind = CertificateKind::kServer});
  for (const char* named : {"-verify_hostname collector.example", "-verify_hostname audit.example",
                            "-verify_ip 192.0.2.1", "-verify_ip 2001:db8::1"}) {
    const CommandResult server = Verify(issued, std::string("-purpose sslserver ") + named);
    EXPECT_TRUE(server.succeeded) << server.output;
  }
  EXPECT_FALSE(Verify(issued, "-verify_hostname other.example").succeeded);
  EXPECT_FALSE(Verify(issued, "-purpose sslclient").succeeded);
  EXPECT_TRUE(
      Verify(Issue("192.0.2.7", CertificateKind::kServer), "-verify_ip 192.0.2.7").succeeded);
}

TEST_F(AuthorityTest, SaysInACertificateNoMoreThanItIsFor) {
  const std::string text = TextOf(Issue("web1"));
  for (const char* said :
       {"Subject: CN = web1\n", "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
        "X509v3 Subject Alternative Name: \n                DNS:web1\n",
        "X509v3 Subject Key Identifier", "X509v3 Authority Key Identifier",
        "Signature Algorithm: ecdsa-with-SHA256"}) {
    EXPECT_THAT(text, HasSubstr(said));
  }
  const std::string nameless = TextOf(Issue(std::string(65, 'x')));
  EXPECT_THAT(nameless, HasSubstr("Subject: \n"));
  EXPECT_THAT(nameless, HasSubstr("X509v3 Subject Alternative Name: critical"));
}

TEST_F(AuthorityTest, WritesDownWhatItIssues) {
  const NewCertificate web1 = Issue("web1");
  const NewCertificate collector = Issue("collector", CertificateKind::kServer);
  const auto listed = Authority::Open(Path("ca"))->List();
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_THAT(*listed, ElementsAre(web1.entry, collector.entry));
  Write(Path("web1.pem"), web1.certificate_pem);
  EXPECT_EQ(OpensslOutput("x509 -noout -serial -in " + Path("web1.pem")),
            "serial=" + web1.entry.serial + "\n");
  EXPECT_EQ(OpensslOutput("x509 -noout -enddate -dateopt iso_8601 -in " + Path("web1.pem")),
            "notAfter=" + SecondsText(web1.entry.not_after_ms).replace(10, 1, " ") + "\n");
}

TEST_F(AuthorityTest, IssuesForAsLongAsItIsTold) {
  const uint64_t day_ms =
      Issue(CertificateOrder{.subject = {.name = "web1"}, .days = 1}).entry.not_after_ms;
  const uint64_t year_ms = Issue("web1").entry.not_after_ms;
  const uint64_t server_ms = Issue("c", CertificateKind::kServer).entry.not_after_ms;
  // However slow the test is, unless it takes a day; the CA was there before.
  EXPECT_EQ((year_ms - day_ms) / kDayMs, 364u);
  EXPECT_EQ((server_ms - day_ms) / kDayMs, 824u);
  EXPECT_EQ((authority_.not_after_ms() + kDayMs - 1 - day_ms) / kDayMs, 3649u);
}

TEST_F(AuthorityTest, OutlivesWhatItIssues) {
  const Authority brief = Make(Path("brief"), {.name = "brief", .days = 2});
  const auto issued = brief.Issue({.subject = {.name = "web1"}});
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(issued->entry.not_after_ms, brief.not_after_ms());
}

TEST_F(AuthorityTest, RefusesWhatCannotBeASubject) {
  for (const Subject& wrong :
       {Subject{.name = ""}, Subject{.name = "a b"}, Subject{.name = "a\n"},
        Subject{.name = "h\xC3\xB6st"}, Subject{.name = std::string(256, 'x')},
        Subject{.name = std::string("a\0b", 3)}, Subject{.name = "a", .dns_names = {""}},
        Subject{.name = "a", .ip_addresses = {"1.2.3"}},
        Subject{.name = "a", .ip_addresses = {"1.2.3.4\n"}},
        Subject{.name = "a", .dns_names = std::vector<std::string>(101, "b")}}) {
    const auto refused = authority_.Issue({.subject = wrong, .kind = CertificateKind::kServer});
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument(authority_.Issue({.subject = {.name = "a"}, .days = -1}).status()));
  EXPECT_THAT(RegisteredSerials(), ElementsAre());
}

TEST_F(AuthorityTest, RevokesAllOfANameAndNothingElse) {
  const NewCertificate first = Issue("web1");
  const NewCertificate second = Issue("web1");
  const NewCertificate other = Issue("web10");
  EXPECT_FALSE(IsRevokedForOpenssl(first));
  const auto revoked = authority_.Revoke("web1");
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->size(), 2u);
  EXPECT_TRUE(IsRevokedForOpenssl(first));
  EXPECT_TRUE(IsRevokedForOpenssl(second));
  EXPECT_FALSE(IsRevokedForOpenssl(other));
  const auto listed = authority_.List();
  EXPECT_TRUE(listed->at(0).revoked_ms && listed->at(1).revoked_ms && !listed->at(2).revoked_ms);
}

TEST_F(AuthorityTest, RevokesOneBySerialNumberHoweverItIsWritten) {
  for (const bool has_colons : {false, true}) {
    const NewCertificate one = Issue("web1");
    const NewCertificate other = Issue("web1");
    std::string serial;
    for (const char c : one.entry.serial) {
      if (has_colons && serial.size() % 3 == 2) serial += ':';
      serial += static_cast<char>(std::tolower(c));
    }
    const auto revoked = authority_.Revoke(serial);
    ASSERT_TRUE(revoked.ok()) << revoked.status();
    EXPECT_TRUE(IsRevokedForOpenssl(one));
    EXPECT_FALSE(IsRevokedForOpenssl(other));
  }
}

TEST_F(AuthorityTest, SaysThatThereIsNothingToRevoke) {
  Issue("web1");
  ASSERT_TRUE(authority_.Revoke("web1").ok());
  const std::string before = Content(authority_.list_path());
  EXPECT_EQ(authority_.Revoke("web1").status().message(),
            "CA " + Path("ca") + ": nothing of \"web1\" is valid any more");
  EXPECT_EQ(authority_.Revoke("web2").status().message(),
            "CA " + Path("ca") + ": has not issued \"web2\"");
  EXPECT_TRUE(absl::IsNotFound(authority_.Revoke("").status()));
  EXPECT_EQ(Content(authority_.list_path()), before);
}

TEST_F(AuthorityTest, PromisesItsNextListForWhenItEnds) {
  Issue("web1");
  ASSERT_TRUE(authority_.Revoke("web1").ok());
  const auto value_of = [](const std::string& line) { return line.substr(line.find('=')); };
  EXPECT_EQ(value_of(OpensslOutput("crl -noout -nextupdate -in " + authority_.list_path())),
            value_of(OpensslOutput("x509 -noout -enddate -in " + authority_.certificate_path())));
}

TEST_F(AuthorityTest, NumbersItsListsUpwards) {
  const auto number = [this] {
    return OpensslOutput("crl -noout -crlnumber -in " + authority_.list_path());
  };
  std::string last = number();
  for (int i = 0; i < 3; ++i) {
    Issue("web1");
    ASSERT_TRUE(authority_.Revoke("web1").ok());
    EXPECT_GT(number(), last);
    last = number();
  }
}

// The process dies after each step of a revocation.
TEST_F(AuthorityTest, RevokesAgainWhatWasRevokedInPart) {
  const NewCertificate issued = Issue("web1");
  const std::string register_before = Content(RegisterPath());
  ASSERT_TRUE(authority_.Revoke("web1").ok());
  Write(RegisterPath(), register_before);
  EXPECT_TRUE(IsRevokedForOpenssl(issued));
  ASSERT_TRUE(authority_.Revoke("web1").ok());
  EXPECT_TRUE(IsRevokedForOpenssl(issued));
  EXPECT_TRUE(authority_.List()->at(0).revoked_ms);
  const std::string list = OpensslOutput("crl -noout -text -in " + authority_.list_path());
  EXPECT_EQ(list.find("Serial Number"), list.rfind("Serial Number")) << list;
}

TEST_F(AuthorityTest, NeverForgetsWhatWasRevoked) {
  const NewCertificate first = Issue("web1");
  const NewCertificate second = Issue("web2");
  const NewCertificate third = Issue("web3");
  const std::string register_before = Content(RegisterPath());
  ASSERT_TRUE(authority_.Revoke("web1").ok());
  Write(RegisterPath(), register_before);  // From an old copy.
  ASSERT_TRUE(authority_.Revoke("web2").ok());
  EXPECT_TRUE(IsRevokedForOpenssl(first));
  std::filesystem::remove(authority_.list_path());
  ASSERT_TRUE(authority_.Revoke("web3").ok());
  EXPECT_TRUE(IsRevokedForOpenssl(second));
  EXPECT_TRUE(IsRevokedForOpenssl(third));
}

TEST_F(AuthorityTest, DoesNotWorkOnFilesThatAreDamaged) {
  Issue("web1");
  const std::string good = Content(RegisterPath());
  for (const std::string& damaged : {good.substr(0, good.size() - 1), good + "web2", good + "\n"}) {
    Write(RegisterPath(), damaged);
    const auto refused = authority_.Issue({.subject = {.name = "web2"}});
    EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
    EXPECT_TRUE(absl::IsDataLoss(authority_.Revoke("web1").status()));
    EXPECT_EQ(Content(RegisterPath()), damaged);
  }
  std::filesystem::remove(RegisterPath());
  EXPECT_TRUE(absl::IsNotFound(authority_.Issue({.subject = {.name = "web2"}}).status()));

  Write(RegisterPath(), good);
  const Authority other = Make(Path("other"));
  for (const std::string& wrong : {std::string("rubbish"), Content(other.list_path())}) {
    Write(authority_.list_path(), wrong);
    const auto refused = authority_.Revoke("web1");
    EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(authority_.list_path()));
  }
  EXPECT_EQ(Content(RegisterPath()), good);
}

TEST_F(AuthorityTest, IsUsedByTwoProcessesAtOnce) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t children[] = {IssueInAnotherProcess(kCountOfProcess, ends[1]),
                            IssueInAnotherProcess(kCountOfProcess, ends[1])};
  close(ends[1]);
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  close(ends[0]);
  std::vector<std::string> serials = RegisteredSerials();
  std::ranges::sort(serials);
  EXPECT_EQ(serials.size(), 2 * kCountOfProcess);
  EXPECT_EQ(std::ranges::adjacent_find(serials), serials.end());
}

TEST_F(AuthorityTest, IsUsedByManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 5; ++j) EXPECT_TRUE(authority_.Issue({.subject = {.name = "web1"}}).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(RegisteredSerials().size(), 20u);
}

TEST_F(AuthorityTest, HasWrittenDownWhatItHandedOutBeforeItWasKilled) {
  std::vector<std::string> handed_out;
  for (int i = 0; i < kKills; ++i) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = IssueInAnotherProcess(1000, ends[1]);
    close(ends[1]);
    std::FILE* const serials = fdopen(ends[0], "r");
    char line[64];
    for (size_t count = 1; std::fgets(line, sizeof(line), serials) != nullptr; ++count) {
      handed_out.emplace_back(line, 32);
      if (count == kSerialsBeforeKill) kill(child, SIGKILL);
    }
    std::fclose(serials);
    waitpid(child, nullptr, 0);
  }
  EXPECT_GE(handed_out.size(), kKills * kSerialsBeforeKill);
  EXPECT_THAT(RegisteredSerials(), IsSupersetOf(handed_out));
}

TEST_F(AuthorityTest, IssuesHalfAMillionAndStillRevokesThen) {
  std::vector<IssuedCertificate> issued(499'999, Issue("web1").entry);
  Write(RegisterPath(), FormatRegister(issued));
  const NewCertificate last = Issue("web2");
  EXPECT_TRUE(absl::IsResourceExhausted(authority_.Issue({.subject = {.name = "web3"}}).status()));
  EXPECT_TRUE(authority_.Revoke("web2").ok());
  EXPECT_TRUE(IsRevokedForOpenssl(last));
}

TEST_F(AuthorityTest, GivesNoTwoCertificatesOneSerialNumber) {
  for (int i = 0; i < 50; ++i) Issue("web1");
  std::vector<std::string> serials = RegisteredSerials();
  std::ranges::sort(serials);
  EXPECT_EQ(std::ranges::adjacent_find(serials), serials.end());
  EXPECT_THAT(serials, testing::Each(testing::MatchesRegex("[4-7][0-9A-F]{31}")));
}

}  // namespace
}  // namespace pki
