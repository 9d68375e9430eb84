#include "audit/field.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The fields of a body as `name=value`, words as they are. Those of a message are marked with
// a ', those of the tail with a ^ in front.
std::vector<std::string> Fields(std::string_view body) {
  std::vector<std::string> fields;
  FieldReader reader(body);
  Field field;
  while (reader.Next(&field)) {
    std::string text;
    if (field.place == FieldPlace::kMessage) text += '\'';
    if (field.place == FieldPlace::kEnriched) text += '^';
    if (!field.name.empty()) text.append(field.name).append("=");
    fields.push_back(text.append(field.value));
  }
  return fields;
}

std::string Reassemble(std::string_view body) {
  std::string text;
  FieldReader reader(body);
  Field field;
  while (reader.Next(&field)) text.append(field.separator).append(field.text);
  return text.append(reader.trailing());
}

std::string Decode(std::string_view record_type, std::string_view body, std::string_view name) {
  const auto field = FindField(body, name);
  if (!field) return "no field " + std::string(name);
  std::string decoded;
  return std::string(DecodeValue(record_type, *field, &decoded));
}

std::vector<std::string> Keys(std::string_view body) {
  KeyReader reader(Record{"", "SYSCALL", Stamp{}, body});
  std::vector<std::string> keys;
  std::string_view key;
  while (reader.Next(&key)) keys.emplace_back(key);
  return keys;
}

TEST(FieldReader, SplitsAtBlanks) {
  EXPECT_THAT(Fields("a=1 b=0xff  c=(null) d=? e= f=x=y"),
              ElementsAre("a=1", "b=0xff", "c=(null)", "d=?", "e=", "f=x=y"));
  EXPECT_THAT(Fields(""), IsEmpty());
  EXPECT_THAT(Fields("   "), IsEmpty());
}

TEST(FieldReader, KeepsBlanksInsideOfQuotes) {
  EXPECT_THAT(Fields(R"(comm="a b" op='c d' x=1)"),
              ElementsAre(R"(comm="a b")", "op='c d'", "x=1"));
}

TEST(FieldReader, EndsAQuotedValueThatWasCutOffAtABlank) {
  EXPECT_THAT(Fields(R"(comm="a b=2)"), ElementsAre(R"(comm="a)", "b=2"));
  EXPECT_THAT(Fields(R"(comm=")"), ElementsAre(R"(comm=")"));
}

TEST(FieldReader, ReadsWordsWithoutAName) {
  EXPECT_THAT(Fields("avc:  denied  { read } for  pid=7 =x"),
              ElementsAre("avc:", "denied", "{", "read", "}", "for", "pid=7", "=x"));
}

TEST(FieldReader, StepsIntoAMessage) {
  EXPECT_THAT(Fields(R"(pid=1 msg='op=PAM:x acct="a b" res=success')"),
              ElementsAre("pid=1", "'op=PAM:x", R"('acct="a b")", "'res=success"));
  EXPECT_THAT(Fields("msg='' b=1"), ElementsAre("b=1"));
  EXPECT_THAT(Fields("msg=' a=1 ' b=2"), ElementsAre("'a=1", "b=2"));
}

TEST(FieldReader, EndsAMessageAtTheLastQuote) {
  EXPECT_THAT(Fields("msg='text=it's acct=o'neil res=1' "),
              ElementsAre("'text=it's", "'acct=o'neil", "'res=1"));
  EXPECT_THAT(Fields("msg='op=x a=1\x1dUID=\"o'neil\""),
              ElementsAre("'op=x", "'a=1", "^UID=\"o'neil\""));
}

TEST(FieldReader, ReadsTheOldPunctuationOfMessages) {
  EXPECT_THAT(Fields("msg='PAM: setcred acct=root : (hostname=?, addr=1.2.3.4, res=success)'"),
              ElementsAre("'PAM:", "'setcred", "'acct=root", "':", "'hostname=?", "'addr=1.2.3.4",
                          "'res=success"));
  EXPECT_THAT(Fields("msg='a=(null) b=(none)' c=1, d=2)"),
              ElementsAre("'a=(null)", "'b=(none)", "c=1,", "d=2)"));
}

TEST(FieldReader, TellsTheEnrichedTail) {
  EXPECT_THAT(Fields("uid=0 key=(null)\x1d"
                     "ARCH=x86_64 UID=\"root user\""),
              ElementsAre("uid=0", "key=(null)", "^ARCH=x86_64", "^UID=\"root user\""));
  EXPECT_THAT(Fields("msg='op=x'\x1d"
                     "UID=\"root\""),
              ElementsAre("'op=x", "^UID=\"root\""));
}

TEST(FieldReader, FindsATailThatLostItsSeparator) {
  EXPECT_THAT(Fields(R"(key=(null)ARCH=x86_64 UID="root")"),
              ElementsAre("key=(null)", "^ARCH=x86_64", R"(^UID="root")"));
  EXPECT_THAT(Fields(R"(key="x"ARCH=x86_64)"), ElementsAre(R"(key="x")", "^ARCH=x86_64"));
  EXPECT_THAT(Fields(R"(res=1AUID="bui" x=1)"), ElementsAre("res=1", R"(^AUID="bui")", "^x=1"));
  EXPECT_THAT(Fields(R"(msg='res=success'UID="root" AUID="unset")"),
              ElementsAre("'res=success", R"(^UID="root")", R"(^AUID="unset")"));
}

TEST(FieldReader, TakesOtherCapitalsForValues) {
  EXPECT_THAT(Fields("op=PATH=x b=FUID"), ElementsAre("op=PATH=x", "b=FUID"));
  EXPECT_THAT(Fields("op=UID=x"), ElementsAre("op=UID=x"));
}

TEST(FieldReader, TakesASocketAddressForOneValue) {
  EXPECT_THAT(Fields("saddr=0200\x1dSADDR={ saddr_fam=inet laddr=1.2.3.4 } UID=\"a\""),
              ElementsAre("saddr=0200", "^SADDR={ saddr_fam=inet laddr=1.2.3.4 }", "^UID=\"a\""));
  EXPECT_THAT(Fields("\x1dSADDR={ cut"), ElementsAre("^SADDR={", "^cut"));
}

TEST(FieldReader, KeepsTheModeOfAnAppArmorContext) {
  EXPECT_THAT(Fields("subj=/usr/bin/x (enforce) key=(null)"),
              ElementsAre("subj=/usr/bin/x (enforce)", "key=(null)"));
  EXPECT_THAT(Fields("subj==unconfined pid=1"), ElementsAre("subj==unconfined", "pid=1"));
  EXPECT_THAT(Fields("subj=x (a b)"), ElementsAre("subj=x", "(a", "b)"));
  EXPECT_THAT(Fields("pid=1 (enforce)"), ElementsAre("pid=1", "(enforce)"));
}

TEST(FieldReader, LosesNoByte) {
  const std::string_view bodies[] = {"",
                                     " ",
                                     "=",
                                     "==",
                                     "'",
                                     "\"",
                                     "\x1d",
                                     " \x1d \x1d ",
                                     "msg='",
                                     "msg='\x1d'",
                                     "msg=''x",
                                     "msg='a=\"b' c=\"d",
                                     "a=1\x1d\x1d",
                                     "msg='msg='a''",
                                     "msg=' ( ' )",
                                     "subj=x (",
                                     "subj=x ()",
                                     "a=\"\x1d\" b",
                                     "\x1d msg='a=1'",
                                     std::string_view("a=\0b \0", 6),
                                     "msg='a=1,' b=(,"};
  for (const std::string_view body : bodies) EXPECT_EQ(Reassemble(body), body) << body;
}

TEST(FindField, ComparesTheWholeName) {
  const std::string_view body = "auid=1 uid=2 msg='uid=3' \x1dUID=\"a\" AUID=\"b\"";
  EXPECT_EQ(FindField(body, "uid")->value, "2");
  EXPECT_EQ(FindField(body, "UID")->value, "\"a\"");
  EXPECT_EQ(FindField(body, "UID")->place, FieldPlace::kEnriched);
  EXPECT_FALSE(FindField(body, "id").has_value());
  EXPECT_FALSE(FindField("for pid=1", "for").has_value());
}

TEST(DecodeValue, TakesTheQuotesAway) {
  EXPECT_EQ(Decode("SYSCALL", R"(comm="ls -l")", "comm"), "ls -l");
  EXPECT_EQ(Decode("SYSCALL", R"(comm="")", "comm"), "");
  EXPECT_EQ(Decode("SYSCALL", R"(comm="ls)", "comm"), "ls");
  EXPECT_EQ(Decode("SYSCALL", R"(comm="6C73")", "comm"), "6C73");
}

TEST(DecodeValue, DecodesHexWhereTheFieldIsEncoded) {
  EXPECT_EQ(Decode("SYSCALL", "comm=6C73202D6c", "comm"), "ls -l");
  EXPECT_EQ(Decode("PROCTITLE", "proctitle=6C73002D6C", "proctitle"), std::string("ls\0-l", 5));
  EXPECT_EQ(Decode("USER_CMD", "msg='cmd=6C73 x=1'", "cmd"), "ls");
  EXPECT_EQ(Decode("TTY", "data=0D", "data"), "\r");
}

TEST(DecodeValue, LeavesWhatIsNotHexAlone) {
  EXPECT_EQ(Decode("SYSCALL", "comm=6C7", "comm"), "6C7");
  EXPECT_EQ(Decode("SYSCALL", "comm=(null)", "comm"), "(null)");
  EXPECT_EQ(Decode("CRED_ACQ", "acct=root", "acct"), "root");
  EXPECT_EQ(Decode("SYSCALL", "pid=4142", "pid"), "4142");
  EXPECT_EQ(Decode("SOCKADDR", "saddr=4142", "saddr"), "4142");
  EXPECT_EQ(Decode("SYSCALL", "exe=", "exe"), "");
}

TEST(DecodeValue, DecodesArgumentsOnlyOfExecve) {
  EXPECT_EQ(Decode("EXECVE", "a0=4142", "a0"), "AB");
  EXPECT_EQ(Decode("EXECVE", "a12[3]=4142", "a12[3]"), "AB");
  EXPECT_EQ(Decode("EXECVE", "a1_len=4142", "a1_len"), "4142");
  EXPECT_EQ(Decode("EXECVE", "argc=10", "argc"), "10");
  EXPECT_EQ(Decode("SYSCALL", "a0=4142", "a0"), "4142");
}

TEST(DecodeValue, CopiesOnlyWhatItDecodes) {
  const std::string_view body = R"(comm="ls" exe=2F78)";
  std::string decoded = "left over";
  const std::string_view quoted = DecodeValue("SYSCALL", *FindField(body, "comm"), &decoded);
  EXPECT_EQ(quoted.data(), body.data() + body.find("ls"));
  EXPECT_EQ(decoded, "");
  const std::string_view encoded = DecodeValue("SYSCALL", *FindField(body, "exe"), &decoded);
  EXPECT_EQ(encoded, "/x");
  EXPECT_EQ(encoded.data(), decoded.data());
}

TEST(IsAbsent, KnowsTheWordsForNothing) {
  for (const char* value : {"", "?", "(null)", "(none)"}) EXPECT_TRUE(IsAbsent(value)) << value;
  for (const char* value : {"0", "null", "??", "\"\""}) EXPECT_FALSE(IsAbsent(value)) << value;
}

TEST(KeyReader, ReadsOneKeyOrMany) {
  EXPECT_THAT(Keys(R"(exe="/x" key="one key")"), ElementsAre("one key"));
  EXPECT_THAT(Keys("key=6F6E650174776F"), ElementsAre("one", "two"));
  EXPECT_THAT(Keys("key=\"a\x01"
                   "b\""),
              ElementsAre("a", "b"));
  EXPECT_THAT(Keys(R"(key="a" key="b")"), ElementsAre("a", "b"));
}

TEST(KeyReader, SkipsWhatIsNoKey) {
  EXPECT_THAT(Keys(""), IsEmpty());
  EXPECT_THAT(Keys("key=(null)"), IsEmpty());
  EXPECT_THAT(Keys("key=\"\" monkey=\"a\""), IsEmpty());
  EXPECT_THAT(Keys("key=0101410101"), ElementsAre("A"));
  EXPECT_THAT(Keys("key=410101420101"), ElementsAre("A", "B"));
}

TEST(EncodeValue, QuotesWhatIsHarmlessAndWritesTheRestAsDigits) {
  const struct {
    std::string_view text;
    std::string_view value;
  } cases[] = {
      {"", "\"\""},         {"web1.example", "\"web1.example\""},
      {"a b", "612062"},    {"a\"b", "612262"},
      {"\x7f", "7F"},       {"\xc3\xa4", "C3A4"},
      {"~!'=", "\"~!'=\""}, {"\n", "0A"},
  };
  for (const auto& [text, value] : cases) EXPECT_EQ(EncodeValue(text), value);
}

}  // namespace
}  // namespace audit
