"""iSCSI PDU headers (RFC 7143, section 11) and SCSI numbers (SPC-3, SBC-2).  Network order.

Every basic header segment (BHS) has 48 bytes; the structures here name the fields that a kind of
PDU uses, at their offsets.
"""

from __future__ import annotations

from construct import Bytes, Int8ub, Int16ub, Int24ub, Int32ub, Struct

bhs = Struct(  # common to all
    "opcode" / Int8ub,
    "flags" / Int8ub,
    "specific" / Bytes(2),
    "ahs_length" / Int8ub,  # in words of 4 bytes
    "data_length" / Int24ub,
    "lun" / Bytes(8),
    "itt" / Int32ub,
    "ttt" / Int32ub,  # also: expected data transfer length, referenced task tag
    "cmd_sn" / Int32ub,  # target PDUs: StatSN
    "exp_stat_sn" / Int32ub,  # target PDUs: ExpCmdSN
    "max_cmd_sn" / Int32ub,  # target PDUs
    "data_sn" / Int32ub,  # also: R2TSN, ExpDataSN
    "buffer_offset" / Int32ub,
    "residual" / Int32ub,  # also: desired length of an R2T
)
bhs_target = Struct(  # names as a target PDU has them
    "opcode" / Int8ub,
    "flags" / Int8ub,
    "response" / Int8ub,  # SCSI Response, Logout, Task Management, Reject: reason
    "status" / Int8ub,
    "ahs_length" / Int8ub,
    "data_length" / Int24ub,
    "lun" / Bytes(8),
    "itt" / Int32ub,
    "ttt" / Int32ub,
    "stat_sn" / Int32ub,
    "exp_cmd_sn" / Int32ub,
    "max_cmd_sn" / Int32ub,
    "data_sn" / Int32ub,  # Data-In DataSN, R2T R2TSN
    "buffer_offset" / Int32ub,
    "residual" / Int32ub,  # R2T: desired data transfer length
)
bhs_command = Struct(  # SCSI Command
    "opcode" / Int8ub,
    "flags" / Int8ub,
    "reserved" / Bytes(2),
    "ahs_length" / Int8ub,
    "data_length" / Int24ub,
    "lun" / Bytes(8),
    "itt" / Int32ub,
    "expected_length" / Int32ub,
    "cmd_sn" / Int32ub,
    "exp_stat_sn" / Int32ub,
    "cdb" / Bytes(16),
)
bhs_login = Struct(  # Login Request
    "opcode" / Int8ub,
    "flags" / Int8ub,
    "version_max" / Int8ub,
    "version_min" / Int8ub,
    "ahs_length" / Int8ub,
    "data_length" / Int24ub,
    "isid" / Bytes(6),
    "tsih" / Int16ub,
    "itt" / Int32ub,
    "cid" / Int16ub,
    "reserved" / Int16ub,
    "cmd_sn" / Int32ub,
    "exp_stat_sn" / Int32ub,
    "reserved2" / Bytes(16),
)
bhs_login_response = Struct(
    "opcode" / Int8ub,
    "flags" / Int8ub,
    "version_max" / Int8ub,
    "version_active" / Int8ub,
    "ahs_length" / Int8ub,
    "data_length" / Int24ub,
    "isid" / Bytes(6),
    "tsih" / Int16ub,
    "itt" / Int32ub,
    "reserved" / Int32ub,
    "stat_sn" / Int32ub,
    "exp_cmd_sn" / Int32ub,
    "max_cmd_sn" / Int32ub,
    "status_class" / Int8ub,
    "status_detail" / Int8ub,
    "reserved2" / Bytes(10),
)
bhs_async = Struct(
    "opcode" / Int8ub,
    "flags" / Int8ub,
    "reserved" / Bytes(2),
    "ahs_length" / Int8ub,
    "data_length" / Int24ub,
    "lun" / Bytes(8),
    "itt" / Int32ub,
    "reserved2" / Int32ub,
    "stat_sn" / Int32ub,
    "exp_cmd_sn" / Int32ub,
    "max_cmd_sn" / Int32ub,
    "event" / Int8ub,
    "vcode" / Int8ub,
    "parameter1" / Int16ub,
    "parameter2" / Int16ub,
    "parameter3" / Int16ub,
    "reserved3" / Bytes(4),
)

STRUCTS = {
    "bhs": bhs,
    "bhs_target": bhs_target,
    "bhs_command": bhs_command,
    "bhs_login": bhs_login,
    "bhs_login_response": bhs_login_response,
    "bhs_async": bhs_async,
}
CONSTANTS = {
    "ISCSI_IMMEDIATE": 0x40,
    "ISCSI_OPCODE_MASK": 0x3F,
    "ISCSI_NOP_OUT": 0x00,
    "ISCSI_SCSI_COMMAND": 0x01,
    "ISCSI_TASK_MGMT": 0x02,
    "ISCSI_LOGIN": 0x03,
    "ISCSI_TEXT": 0x04,
    "ISCSI_DATA_OUT": 0x05,
    "ISCSI_LOGOUT": 0x06,
    "ISCSI_NOP_IN": 0x20,
    "ISCSI_SCSI_RESPONSE": 0x21,
    "ISCSI_TASK_MGMT_RESPONSE": 0x22,
    "ISCSI_LOGIN_RESPONSE": 0x23,
    "ISCSI_TEXT_RESPONSE": 0x24,
    "ISCSI_DATA_IN": 0x25,
    "ISCSI_LOGOUT_RESPONSE": 0x26,
    "ISCSI_R2T": 0x31,
    "ISCSI_ASYNC": 0x32,
    "ISCSI_REJECT": 0x3F,
    "ISCSI_FLAG_FINAL": 0x80,
    "ISCSI_FLAG_READ": 0x40,
    "ISCSI_FLAG_WRITE": 0x20,
    "ISCSI_FLAG_ATTR_SIMPLE": 0x01,
    "ISCSI_FLAG_ATTR_ORDERED": 0x02,
    "ISCSI_FLAG_TRANSIT": 0x80,
    "ISCSI_FLAG_CONTINUE": 0x40,
    "ISCSI_DATAIN_ACK": 0x40,
    "ISCSI_FLAG_OVERFLOW": 0x04,
    "ISCSI_FLAG_UNDERFLOW": 0x02,
    "ISCSI_DATAIN_STATUS": 0x01,
    "ISCSI_STAGE_SECURITY": 0,
    "ISCSI_STAGE_OPERATIONAL": 1,
    "ISCSI_STAGE_FULL": 3,
    "ISCSI_TAG_NONE": 0xFFFFFFFF,
    "SCSI_TEST_UNIT_READY": 0x00,
    "SCSI_INQUIRY": 0x12,
    "SCSI_MODE_SENSE_6": 0x1A,
    "SCSI_READ_CAPACITY_10": 0x25,
    "SCSI_READ_10": 0x28,
    "SCSI_WRITE_10": 0x2A,
    "SCSI_SYNCHRONIZE_CACHE_10": 0x35,
    "SCSI_READ_16": 0x88,
    "SCSI_WRITE_16": 0x8A,
    "SCSI_SERVICE_ACTION_IN_16": 0x9E,
    "SCSI_SAI_READ_CAPACITY_16": 0x10,
    "SCSI_REPORT_LUNS": 0xA0,
    "SCSI_GOOD": 0x00,
    "SCSI_CHECK_CONDITION": 0x02,
    "SCSI_BUSY": 0x08,
    "SCSI_RESERVATION_CONFLICT": 0x18,
    "SCSI_TASK_SET_FULL": 0x28,
    "SCSI_ACA_ACTIVE": 0x30,
    "SCSI_TASK_ABORTED": 0x40,
    "SENSE_RECOVERED": 0x01,
    "SENSE_NOT_READY": 0x02,
    "SENSE_MEDIUM_ERROR": 0x03,
    "SENSE_HARDWARE_ERROR": 0x04,
    "SENSE_ILLEGAL_REQUEST": 0x05,
    "SENSE_UNIT_ATTENTION": 0x06,
    "SENSE_DATA_PROTECT": 0x07,
    "SENSE_ABORTED_COMMAND": 0x0B,
    "ASC_LBA_RANGE": 0x21,
    "ASC_NO_LUN": 0x25,
    "ASC_NO_MEDIUM": 0x3A,
    "SENSE_FIXED_KEY": 2,  # places in sense data, fixed format (response codes 70h, 71h)
    "SENSE_FIXED_ASC": 12,
    "SENSE_DESCRIPTOR_KEY": 1,  # descriptor format (72h, 73h)
    "SENSE_DESCRIPTOR_ASC": 2,
    "SENSE_KEY_MASK": 0x0F,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
