; The disk as INT 13h sees it: blocks in, blocks out, whatever happens to the session meanwhile.
%include "romgen.inc"
%include "iscsi.inc"
%include "lib.inc"

global disk_read:function
global disk_write:function
global disk_check:function
global disk_flush:function
global disk_lba:data
global disk_count:data
global disk_buffer:data
global disk_done:data
global disk_build:function
global disk_build_at:function
global disk_place:function
global io_blocks:data
global io_direction:data
extern swap_eax
extern disk_blocks
extern disk_block_size
extern disk_status
extern scsi_command
extern scsi_prepare
extern scsi_cdb
extern scsi_direction
extern scsi_length
extern scsi_minimum
extern scsi_buffer
extern session_ready
extern session_switch
extern session_check
extern iscsi_pause
extern iscsi_expired
extern iscsi_deadline
extern deadline_io
extern ahead_take
extern ahead_note
extern ahead_settle
extern undi_dead
extern undi_unreachable
extern ev_target_ip2

BSS iscsi
disk_lba:           resq 1              ; what the caller wants
disk_count:         resd 1
disk_buffer:        resd 1
disk_done:          resd 1              ; blocks that were really transferred
io_blocks:          resd 1              ; of the command under way
io_deadline:        resd 1
io_build:           resw 1              ; routine that builds the command; 0: only a session is wanted
io_direction:       resb 1

CODE iscsi
;---------------------------------------------------------------------------
; disk_read - read blocks
; in:       disk_lba, disk_count, disk_buffer (linear)
; out:      CF = 0; CF = 1, AX = error, disk_status; disk_done in both cases
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
disk_read:
        mov     al, SCSI_READ
        jmp     disk_transfer

;---------------------------------------------------------------------------
; disk_write - write blocks
; in:       disk_lba, disk_count, disk_buffer (linear)
; out:      CF = 0; CF = 1, AX = error, disk_status; disk_done in both cases
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
disk_write:
        mov     al, SCSI_WRITE
        ; fallthrough to disk_transfer

;---------------------------------------------------------------------------
; disk_transfer - move blocks, as many as fit into a command at a time
; in:       AL = SCSI_READ or SCSI_WRITE; disk_lba, disk_count, disk_buffer
; out:      CF = 0; CF = 1, AX = error, disk_status; disk_done in both cases
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
disk_transfer:
        mov     [io_direction], al
        mov     word [io_build], disk_build
        and     dword [disk_done], 0
        mov     eax, [disk_lba]
        mov     edx, [disk_lba + 4]
        add     eax, [disk_count]
        adc     edx, 0
        jc      .range
        sub     eax, [disk_blocks]      ; the end must not lie behind the last block
        sbb     edx, [disk_blocks + 4]
        jb      .next
        or      eax, edx
        jnz     .range
.next:
        mov     ecx, [disk_count]
        sub     ecx, [disk_done]
        jz      .all
        cmp     byte [io_direction], SCSI_READ
        jne     .command
        call    ahead_take
        jnc     .done
        mov     ecx, [disk_count]
        sub     ecx, [disk_done]
.command:
        mov     eax, COMMAND_BYTES
        xor     edx, edx
        div     dword [disk_block_size]
        cmp     ecx, eax
        jbe     .blocks
        xchg    ecx, eax
.blocks:
        mov     [io_blocks], ecx
        call    io_run
        jc      .out
        mov     eax, [io_blocks]
.done:
        add     [disk_done], eax
        jmp     .next
.all:
        cmp     byte [io_direction], SCSI_READ
        jne     .good
        call    ahead_note
.good:
        clc
        ret
.range:
        mov     byte [disk_status], INT13_SECTOR_NOT_FOUND
        FAIL    SCSI_RANGE
.out:
        ret

;---------------------------------------------------------------------------
; disk_place - where the transfer is
; in:       disk_lba, disk_done, disk_buffer
; out:      EDX:ECX = next block, ESI = linear address of its place
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
disk_place:
        mov     ecx, [disk_done]
        mov     eax, [disk_block_size]
        mul     ecx
        add     eax, [disk_buffer]
        xchg    esi, eax
        mov     edx, [disk_lba + 4]
        add     ecx, [disk_lba]
        adc     edx, 0
        ret

;---------------------------------------------------------------------------
; disk_build - the READ or WRITE for the next blocks
; in:       io_*, disk_*
; out:      scsi_*
; clobbers: EAX, EBX, ECX, EDX, ESI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
disk_build:
        call    disk_place
        mov     ebx, [io_blocks]
        ; fallthrough to disk_build_at

;---------------------------------------------------------------------------
; disk_build_at - the READ or WRITE for some blocks
; in:       EDX:ECX = first, EBX = number, ESI = linear address of the buffer; io_direction
; out:      scsi_*
; clobbers: EAX, EBX, ECX, EDX, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
disk_build_at:
        push    edx
        push    ecx
        mov     al, 0
        mov     cl, 0
        call    scsi_prepare
        mov     [scsi_buffer], esi
        mov     eax, [disk_block_size]
        mul     ebx
        mov     [scsi_length], eax
        mov     [scsi_minimum], eax
        pop     ecx
        pop     edx
        mov     al, [io_direction]
        mov     [scsi_direction], al
        mov     ah, 0
        cmp     al, SCSI_READ
        je      .opcode
        mov     ah, SCSI_WRITE_10 - SCSI_READ_10
.opcode:
        push    ebx
        add     ebx, ecx
        sbb     ebx, ebx
        or      ebx, edx                ; 0: all block numbers have 32 bits
        pop     ebx
        jnz     .long
        add     ah, SCSI_READ_10
        mov     [scsi_cdb], ah
        xchg    ecx, eax
        call    swap_eax
        mov     [scsi_cdb + RW_LBA], eax
        xchg    bl, bh
        mov     [scsi_cdb + RW_COUNT_10], bx
        ret
.long:
        add     ah, SCSI_READ_16
        mov     [scsi_cdb], ah
        xchg    edx, eax
        call    swap_eax
        mov     [scsi_cdb + RW_LBA], eax
        xchg    ecx, eax
        call    swap_eax
        mov     [scsi_cdb + RW_LBA + 4], eax
        xchg    ebx, eax
        call    swap_eax
        mov     [scsi_cdb + RW_COUNT_16], eax
        ret

;---------------------------------------------------------------------------
; disk_flush - have the target write its cache to the medium
; in:       none
; out:      CF = 1, AX = error, disk_status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
disk_flush:
        mov     word [io_build], .build
        call    io_run
        jnc     .out
        cmp     ax, ERR_SCSI_ILLEGAL    ; a disk without a cache need not know the command
        stc
        jne     .out
        clc
.out:
        ret
.build:
        mov     al, SCSI_SYNCHRONIZE_CACHE_10   ; zeros: the whole disk
        mov     cl, 0
        jmp     scsi_prepare

;---------------------------------------------------------------------------
; disk_check - is the disk there? No frame where nothing speaks against it
; in:       none
; out:      CF = 1, AX = error, disk_status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
disk_check:
        and     word [io_build], 0
        ; fallthrough to io_run

;---------------------------------------------------------------------------
; io_run - carry out the command of io_build; build the session anew as often as it takes
; in:       io_build
; out:      CF = 1, AX = error, disk_status; within ev_io_timeout
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
io_run:
        smsw    ax
        test    al, CR0_PE
        jnz     .protected
        mov     byte [undi_dead], 0     ; in real mode every adapter can be reached
.protected:
        cmp     byte [undi_dead], 0
        jne     undi_unreachable
        call    deadline_io
        mov     [io_deadline], eax
.again:
        mov     eax, [io_deadline]
        mov     [iscsi_deadline], eax
        call    ahead_settle
        mov     byte [disk_status], INT13_TIMEOUT
        call    session_ready
        jnc     .session
        cmp     dword [ev_target_ip2], 0
        jne     .pause                  ; whatever it is: the other one may do better
        jmp     .failed
.session:
        mov     bx, [io_build]
        test    bx, bx
        jz      .out                    ; CF = 0
        call    bx
        call    scsi_command
        jnc     .out
        cmp     ax, ERR_ISCSI_SILENT    ; a machine that is gone gives no answer to the next attempt
        je      .dead                   ; either: that would cost another ConnectTimeout
        cmp     ax, ERR_TCP_RETRANSMIT
        jne     .failed
.dead:
        call    session_switch
.failed:
        cmp     ax, 3000                ; network and session: tried again, whatever the reason: a
        jb      .error                  ; target that is being restarted gives many
        cmp     ax, 5000
        jae     .error
.pause:
        push    ax
        mov     eax, RECOVER_PAUSE
        call    iscsi_pause
        pop     ax
        jnc     .again
.error:
        stc
.out:
        ret
