#include "storage/block_facts.h"

#include <utility>

namespace storage {

namespace {

using query::FactText;
using query::Role;
using query::RoleSet;

std::vector<audit::Field> FieldsOf(const RecordTemplate& shape) {
  std::vector<audit::Field> fields(shape.columns.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    fields[i].name = shape.columns[i].name;
    fields[i].place = shape.columns[i].place;
  }
  return fields;
}

// Words and blanks are no columns, so the layout does not see them.
void DropNameTypeIfMoreFollows(const RecordTemplate& shape, query::RecordLayout* layout) {
  int16_t& place = layout->places[static_cast<size_t>(Role::kNameType)];
  if (place < 0) return;
  const std::string& behind = shape.literals[static_cast<size_t>(place) + 1];
  if (!behind.empty() && !behind.starts_with('\x1d')) place = -1;
}

}  // namespace

// The texts of one column. Each distinct one is decoded once.
class BlockFacts::RoleColumn {
 public:
  RoleColumn(BlockFacts& facts, const Column& column, std::string_view type, std::string_view name)
      : facts_(facts),
        column_(column),
        type_(type),
        name_(name),
        texts_(column.distinct()),
        written_(column.distinct()) {}

  FactText Text(uint32_t row) {
    if (column_.distinct() == 0) return {.text = Decode(Value(row), false)};
    FactText& text = texts_[column_.Code(row)];
    if (text.is_absent()) {
      text.text = Decode(column_.DistinctValue(column_.Code(row)), true);
      text.code = facts_.CodeOf(text.text);
    }
    return text;
  }

  FactText Written(uint32_t row) {
    if (column_.distinct() == 0) return {.text = Value(row)};
    FactText& written = written_[column_.Code(row)];
    if (written.is_absent()) {
      written.text = column_.DistinctValue(column_.Code(row));
      written.code = facts_.CodeOf(written.text);
    }
    return written;
  }

 private:
  std::string_view Value(uint32_t row) { return facts_.Keep(column_.Value(row, &scratch_)); }

  // What has to be decoded is kept for the event, or longer.
  std::string_view Decode(std::string_view value, bool for_all_events) const {
    audit::Field field;
    field.name = name_;
    field.value = value;
    std::string decoded;
    const std::string_view text = audit::DecodeValue(type_, field, &decoded);
    if (decoded.empty()) return text;
    if (!for_all_events) return facts_.Keep(decoded);
    return facts_.decoded_.emplace_back(std::move(decoded));
  }

  BlockFacts& facts_;
  const Column& column_;
  const std::string_view type_;  // Of the records,
  const std::string_view name_;  // and of the field.
  std::vector<FactText> texts_;  // By the column's code; absent until they are asked for.
  std::vector<FactText> written_;
  std::string scratch_;
};

// The record that is being read.
class BlockFacts::Values : public query::RecordValues {
 public:
  Values(const Template& of, uint32_t row) : of_(of), row_(row) {}

  FactText Text(Role role) override { return of_.columns[static_cast<size_t>(role)]->Text(row_); }
  FactText Written(Role role) override {
    return of_.columns[static_cast<size_t>(role)]->Written(row_);
  }

 private:
  const Template& of_;
  const uint32_t row_;
};

absl::StatusOr<std::unique_ptr<BlockFacts>> BlockFacts::Open(BlockReader& block, RoleSet roles) {
  std::unique_ptr<BlockFacts> facts(new BlockFacts(block));
  facts->templates_.reserve(block.templates().size());
  for (const BlockTemplate& one : block.templates()) {
    const absl::Status read = facts->ReadTemplate(one, roles);
    if (!read.ok()) return read;
  }
  return facts;
}

BlockFacts::BlockFacts(BlockReader& block) : block_(block) {}
BlockFacts::~BlockFacts() = default;

absl::Status BlockFacts::ReadTemplate(const BlockTemplate& one, RoleSet roles) {
  Template& made = templates_.emplace_back();
  made.type = one.shape.type;
  if (one.shape.kind != TemplateKind::kFields) {
    made.layout.needs_text = true;
    return absl::OkStatus();
  }
  made.layout = query::LayOut(made.type, FieldsOf(one.shape));
  if (made.layout.needs_text) return absl::OkStatus();
  DropNameTypeIfMoreFollows(one.shape, &made.layout);
  for (size_t role = 0; role < query::kRoles; ++role) {
    int16_t& place = made.layout.places[role];
    if (place >= 0 && (roles & query::SetOf(static_cast<Role>(role))) == 0) place = -1;
    if (place < 0) continue;
    const auto number = static_cast<size_t>(place);
    const absl::StatusOr<const Column*> column = block_.ReadColumn(one.first_column + number);
    if (!column.ok()) return column.status();
    columns_.push_back(
        std::make_unique<RoleColumn>(*this, **column, made.type, one.shape.columns[number].name));
    made.columns[role] = columns_.back().get();
  }
  return absl::OkStatus();
}

absl::StatusOr<const query::EventFacts*> BlockFacts::Read(uint32_t event) {
  const EventHead head = block_.head(event);
  const uint32_t end = block_.first_record(event + 1);
  texts_used_ = 0;
  builder_.Begin(head.time_ms, head.serial, head.node, end - block_.first_record(event));
  for (uint32_t record = block_.first_record(event); record < end; ++record) {
    const Template& of = templates_[block_.template_of(record)];
    if (of.layout.needs_text) {
      line_.clear();
      const absl::Status read = block_.AppendLine(event, record, &line_);
      if (!read.ok()) return read;
      builder_.AddCopy(line_);
      continue;
    }
    Values values(of, block_.row_of(record));
    builder_.Add(of.type, of.layout, values);
  }
  return &builder_.facts();
}

uint32_t BlockFacts::CodeOf(std::string_view text) {
  return codes_.try_emplace(text, static_cast<uint32_t>(codes_.size())).first->second;
}

std::string_view BlockFacts::Keep(std::string_view text) {
  if (texts_used_ == texts_.size()) texts_.emplace_back();
  std::string& kept = texts_[texts_used_++];
  kept.assign(text);
  return kept;
}

}  // namespace storage
