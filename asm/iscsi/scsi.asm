; SCSI: what a status means and how often it is worth another try (SAM-2, SPC-3); the logical unit.
%include "romgen.inc"
%include "iscsi.inc"

global scsi_command:function
global scsi_open:function
global scsi_outcome:function
global scsi_prepare:function
global scsi_minimum:data
global scsi_data:data
global scsi_tries:data
global disk_blocks:data
global disk_block_size:data
global disk_status:data
extern swap_eax
extern iscsi_command
extern iscsi_pause
extern scsi_cdb
extern scsi_direction
extern scsi_length
extern scsi_buffer
extern cmd_response
extern cmd_status
extern cmd_spoiled
extern cmd_flags
extern cmd_residual
extern cmd_received
extern cmd_sent
extern cmd_sense_length
extern rx_data
extern error_detail

BSS iscsi
disk_blocks:        resq 1
disk_block_size:    resd 1
scsi_minimum:       resd 1              ; less data than this is a failure
scsi_data:          resb INQUIRY_LENGTH ; answers that the ROM reads itself
scsi_tries:         resb 1              ; failures of this command so far
disk_status:        resb 1              ; INT 13h status of a failure

RODATA iscsi
; What a failure means. A SCSI status stands as it is; a sense key has bit 7 set.
struc scsi_row
.match          resb 1
.asc            resb 1                  ; additional sense code, FFh: any
.tries          resb 1                  ; how often at most; 0: the answer will not change
.status         resb 1                  ; INT 13h
.error          resw 1                  ; 0: not a failure
endstruc
SCSI_SENSE      equ 80h
%macro SCSI_ROW 5
        db      %1, %2, %3, %4
        dw      %5
%endmacro
scsi_rows:
        SCSI_ROW SCSI_BUSY, 0FFh, SCSI_FOREVER, INT13_NOT_READY, ERR_SCSI_BUSY
        SCSI_ROW SCSI_TASK_SET_FULL, 0FFh, SCSI_FOREVER, INT13_NOT_READY, ERR_SCSI_BUSY
        SCSI_ROW SCSI_RESERVATION_CONFLICT, 0FFh, SCSI_TRIES, INT13_NOT_READY, ERR_SCSI_RESERVED
        SCSI_ROW SCSI_ACA_ACTIVE, 0FFh, SCSI_TRIES, INT13_CONTROLLER_FAILURE, ERR_SCSI_ABORTED
        SCSI_ROW SCSI_TASK_ABORTED, 0FFh, SCSI_TRIES, INT13_CONTROLLER_FAILURE, ERR_SCSI_ABORTED
        SCSI_ROW SCSI_SENSE | SENSE_RECOVERED, 0FFh, 0, INT13_OK, 0
        SCSI_ROW SCSI_SENSE | SENSE_NOT_READY, ASC_NO_MEDIUM, 0, INT13_NO_MEDIA, ERR_SCSI_NO_MEDIUM
        SCSI_ROW SCSI_SENSE | SENSE_NOT_READY, 0FFh, SCSI_FOREVER, INT13_NOT_READY, ERR_SCSI_NOT_READY
        SCSI_ROW SCSI_SENSE | SENSE_MEDIUM_ERROR, 0FFh, SCSI_TRIES, INT13_UNCORRECTABLE, ERR_SCSI_MEDIUM
        SCSI_ROW SCSI_SENSE | SENSE_HARDWARE_ERROR, 0FFh, SCSI_TRIES, INT13_CONTROLLER_FAILURE, ERR_SCSI_HARDWARE
        SCSI_ROW SCSI_SENSE | SENSE_ILLEGAL_REQUEST, ASC_LBA_RANGE, 0, INT13_SECTOR_NOT_FOUND, ERR_SCSI_RANGE
        SCSI_ROW SCSI_SENSE | SENSE_ILLEGAL_REQUEST, ASC_NO_LUN, 0, INT13_NOT_READY, ERR_SCSI_NO_LUN
        SCSI_ROW SCSI_SENSE | SENSE_ILLEGAL_REQUEST, 0FFh, 0, INT13_CONTROLLER_FAILURE, ERR_SCSI_ILLEGAL
        SCSI_ROW SCSI_SENSE | SENSE_UNIT_ATTENTION, 0FFh, SCSI_ATTENTIONS, INT13_NOT_READY, ERR_SCSI_ATTENTION
        SCSI_ROW SCSI_SENSE | SENSE_DATA_PROTECT, 0FFh, 0, INT13_WRITE_PROTECTED, ERR_SCSI_WRITE_PROTECTED
        SCSI_ROW SCSI_SENSE | SENSE_ABORTED_COMMAND, 0FFh, SCSI_TRIES, INT13_CONTROLLER_FAILURE, ERR_SCSI_ABORTED
scsi_row_other:
        SCSI_ROW 0FFh, 0FFh, SCSI_TRIES, INT13_CONTROLLER_FAILURE, ERR_SCSI_FAILED
scsi_row_failure:
        SCSI_ROW 0FFh, 0FFh, SCSI_TRIES, INT13_CONTROLLER_FAILURE, ERR_SCSI_TARGET_FAILURE
scsi_row_short:
        SCSI_ROW 0FFh, 0FFh, SCSI_TRIES, INT13_CONTROLLER_FAILURE, ERR_SCSI_SHORT
scsi_row_spoiled:
        SCSI_ROW 0FFh, 0FFh, SCSI_TRIES, INT13_UNCORRECTABLE, ERR_ISCSI_DATA_DIGEST

CODE iscsi
;---------------------------------------------------------------------------
; scsi_command - carry out a command, again where that may help
; in:       scsi_cdb, scsi_direction, scsi_length, scsi_buffer, scsi_minimum, iscsi_deadline
; out:      CF = 0: done, with at least scsi_minimum bytes; CF = 1, AX = error, disk_status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; a session
;---------------------------------------------------------------------------
scsi_command:
        mov     byte [scsi_tries], 0
.again:
        mov     byte [disk_status], INT13_TIMEOUT       ; for whatever fails below SCSI
        call    iscsi_command
        jc      .out
        call    scsi_outcome
        jnc     .out
        mov     al, [cs:bx + scsi_row.tries]
        cmp     al, [scsi_tries]
        jbe     .fail
        inc     byte [scsi_tries]
        cmp     al, SCSI_ATTENTIONS     ; a unit attention has been told: the next try comes through
        je      .again
        cmp     al, SCSI_FOREVER
        jne     .pause
        mov     byte [scsi_tries], 1    ; only the deadline counts
.pause:
        push    bx
        mov     eax, SCSI_PAUSE
        call    iscsi_pause
        pop     bx
        jnc     .again
.fail:
        mov     al, [cs:bx + scsi_row.status]
        mov     [disk_status], al
        mov     ax, [cs:bx + scsi_row.error]
        stc
.out:
        ret

;---------------------------------------------------------------------------
; scsi_outcome - what came of the command?
; in:       cmd_*, rx_data
; out:      CF = 0: success; CF = 1, BX = scsi_row of the failure, error_detail
; clobbers: EAX, BX, ECX, DX, SI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
scsi_outcome:
        mov     bx, scsi_row_spoiled
        movzx   eax, byte [cmd_spoiled]
        test    al, al
        jnz     .failed
        mov     bx, scsi_row_failure
        mov     al, [cmd_response]
        test    al, al
        jnz     .failed
        mov     al, [cmd_status]
        test    al, al                  ; SCSI_GOOD
        jz      .good
        mov     ah, 0FFh
        mov     ecx, eax
        movzx   eax, al
        mov     [error_detail], eax
        cmp     al, SCSI_CHECK_CONDITION
        jne     .find
        call    scsi_sense
        mov     [error_detail], eax
        mov     ch, ah                  ; additional sense code
        shr     eax, 16
        mov     cl, al
        or      cl, SCSI_SENSE
.find:
        mov     bx, scsi_rows
.row:
        cmp     cl, [cs:bx + scsi_row.match]
        jne     .next
        mov     al, [cs:bx + scsi_row.asc]
        cmp     al, ch
        je      .found
        inc     al
        jz      .found
.next:
        add     bx, scsi_row_size
        cmp     bx, scsi_row_other
        jb      .row
.found:
        cmp     word [cs:bx + scsi_row.error], 0
        jne     .bad
.good:
        ; Data must be whole. Where exactly so much was asked for as is needed, the residual must be 0
        ; as well: a target that counts otherwise has other blocks in mind.
        mov     eax, [cmd_residual]
        mov     ecx, [cmd_received]
        add     ecx, [cmd_sent]
        sub     ecx, [scsi_minimum]
        mov     bx, scsi_row_short
        jb      .failed
        test    eax, eax
        jz      .done
        cmp     byte [cmd_flags], 0
        je      .done
        mov     ecx, [scsi_length]
        cmp     ecx, [scsi_minimum]
        je      .failed
.done:
        clc
        ret
.failed:
        mov     [error_detail], eax
.bad:
        stc
        ret

;---------------------------------------------------------------------------
; scsi_sense - key and codes of the sense data (SPC-3, 4.5)
; in:       rx_data, cmd_sense_length
; out:      EAX = key << 16 | additional sense code << 8 | qualifier; 0 where there is no sense
; clobbers: ECX, DX, SI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
scsi_sense:
        xor     eax, eax
        mov     dx, [cmd_sense_length]  ; DX = bytes behind the length word: what it says, as far as
        sub     dx, 2                   ; that has come
        jb      .out
        mov     cx, [rx_data]
        xchg    cl, ch
        cmp     cx, dx
        jae     .length
        mov     dx, cx
.length:
        mov     si, rx_data + 2
        cmp     dx, SENSE_FIXED_KEY + 1 ; response code and key, of either form
        jb      .out
        mov     cx, SENSE_FIXED_ASC
        mov     al, [si + SENSE_FIXED_KEY]
        test    byte [si], SENSE_DESCRIPTOR
        jz      .key
        mov     cx, SENSE_DESCRIPTOR_ASC
        mov     al, [si + SENSE_DESCRIPTOR_KEY]
.key:
        and     al, SENSE_KEY_MASK
        shl     eax, 16
        add     si, cx
        inc     cx
        cmp     cx, dx
        jae     .out                    ; too short for the codes
        mov     ah, [si]
        mov     al, [si + 1]
.out:
        ret

;---------------------------------------------------------------------------
; scsi_prepare - a command whose answer goes to scsi_data
; in:       AL = operation code, CL = length of the answer, all of which is needed
; out:      scsi_cdb (the rest zeros), scsi_length, scsi_minimum, scsi_direction, scsi_buffer
; clobbers: EAX, CX, EDX, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
scsi_prepare:
        movzx   edx, cl
        mov     [scsi_length], edx
        mov     [scsi_minimum], edx
        neg     dl
        sbb     dl, dl
        and     dl, SCSI_READ           ; no answer: no direction
        mov     [scsi_direction], dl
        push    ds
        pop     es
        mov     di, scsi_cdb
        movzx   ax, al
        stosw
        mov     cx, CDB_SIZE / 2 - 1
        mov     al, 0
        rep stosw
        xor     eax, eax
        mov     ax, ds
        shl     eax, 4
        add     eax, scsi_data
        mov     [scsi_buffer], eax
        ret

;---------------------------------------------------------------------------
; scsi_open - is the logical unit a disk that can be used? How large is it?
; in:       iscsi_deadline; disk_blocks = 0, or what it must be
; out:      CF = 0: disk_blocks, disk_block_size; CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; a session
;---------------------------------------------------------------------------
scsi_open:
        mov     al, SCSI_INQUIRY
        mov     cl, INQUIRY_LENGTH
        call    scsi_prepare
        mov     byte [scsi_cdb + INQUIRY_ALLOC], INQUIRY_LENGTH
        mov     byte [scsi_minimum], 1
        call    scsi_command
        jc      .out
        movzx   eax, byte [scsi_data]
        test    al, al
        jz      .disk
        mov     [error_detail], eax
        test    al, ~SCSI_TYPE_MASK & 0FFh      ; a qualifier: no device behind this LUN
        jnz     .no_lun
        cmp     al, SCSI_TYPE_CONTROLLER
        je      .controller
        FAIL    SCSI_NOT_DISK
.no_lun:
        FAIL    SCSI_NO_LUN
.controller:
        FAIL    SCSI_CONTROLLER
.disk:
        mov     ax, SCSI_TEST_UNIT_READY
        mov     cl, 0
        call    scsi_prepare
        call    scsi_command
        jc      .out
        mov     al, SCSI_READ_CAPACITY_10
        mov     cl, CAPACITY_10_LENGTH
        call    scsi_prepare
        call    scsi_command
        jc      .out
        mov     si, scsi_data
        xor     edx, edx
        lodsd
        cmp     eax, byte -1
        jne     .last                   ; else it has more blocks than that, or none at all
        mov     al, SCSI_SERVICE_ACTION_IN_16
        mov     cl, CAPACITY_16_LENGTH
        call    scsi_prepare
        mov     byte [scsi_cdb + 1], SCSI_SAI_READ_CAPACITY_16
        mov     byte [scsi_cdb + CAPACITY_16_ALLOC], CAPACITY_16_LENGTH
        mov     byte [scsi_minimum], CAPACITY_16_MIN
        call    scsi_command
        jc      .out
        mov     si, scsi_data
        lodsd
        call    swap_eax
        xchg    edx, eax
        lodsd
.last:
        call    swap_eax
        add     eax, 1
        adc     edx, 0
        mov     ecx, [si]
        BSWAP   ecx
        mov     ebx, eax
        or      ebx, edx
        jz      .empty
        cmp     ecx, 512
        je      .size
        cmp     ecx, 4096
        jne     .block_size
.size:
        mov     ebx, [disk_blocks]
        or      ebx, [disk_blocks + 4]
        jz      .first
        cmp     eax, [disk_blocks]
        jne     .changed
        cmp     edx, [disk_blocks + 4]
        jne     .changed
        cmp     ecx, [disk_block_size]
        jne     .changed
.first:
        mov     [disk_blocks], eax
        mov     [disk_blocks + 4], edx
        mov     [disk_block_size], ecx
        clc
.out:
        ret
.empty:
        FAIL    SCSI_EMPTY
.block_size:
        mov     [error_detail], ecx
        FAIL    SCSI_BLOCK_SIZE
.changed:
        FAIL    SCSI_CHANGED
