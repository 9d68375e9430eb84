#include "server/api/tls_files.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/api/certificates.h"
#include "tests/storage/temporary_directory.h"

namespace server {
namespace {

using testing::HasSubstr;

TEST(ReadTlsFiles, NamesTheFileThatIsWrong) {
  const TemporaryDirectory directory;
  const TestCa ca(directory.path(), "ca");
  const CertificateFiles files = ca.Issue("server", "/CN=server");
  const CertificateFiles other = ca.Issue("other", "/CN=other");
  const std::string rubbish = directory.path() + "/rubbish";
  std::ofstream(rubbish) << "rubbish\n";
  const std::string large = directory.path() + "/large";
  std::ofstream(large) << std::string((1 << 20) + 1, '\n');
  const TlsFiles good = {files.certificate, files.key, ca.certificate()};
  const struct {
    TlsFiles files;
    std::string message;
  } cases[] = {
      {{rubbish, good.key, good.ca}, "certificate " + rubbish + ": "},
      {{"/no/such", good.key, good.ca}, "certificate /no/such: "},
      {{good.certificate, rubbish, good.ca}, "key " + rubbish + ": "},
      {{good.certificate, other.key, good.ca}, "key " + other.key + ": key values mismatch"},
      {{good.certificate, good.key, rubbish}, "CA " + rubbish + ": "},
      {{good.certificate, good.key, "/no/such"}, "CA /no/such: "},
      {{good.certificate, good.key, large}, "CA " + large + ": more than 1 MB"},
  };
  EXPECT_TRUE(ReadTlsFiles(good).ok()) << ReadTlsFiles(good).status();
  for (const auto& [wrong, message] : cases) {
    EXPECT_THAT(std::string(ReadTlsFiles(wrong).status().message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace server
