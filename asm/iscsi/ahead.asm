; Read-ahead: while somebody reads block after block, the next command is on its way before it is
; asked for. Its data goes to extended memory that the BIOS gave for good, in two halves: one holds
; what is there, the other gets what is on its way. A caller that wants all of the latter gets it into
; its own buffer.
;
; Nothing depends on it: without that memory, in protected and virtual-8086 mode, above 2^32 blocks
; every read is a command of its own. What was read ahead is forgotten by whatever else is done with
; the disk, by the end of the session, and when nobody has read for a while.
%include "romgen.inc"
%include "iscsi.inc"
%include "lib.inc"
%include "rom.inc"

global ahead_take:function
global ahead_note:function
global ahead_settle:function
global ahead_forget:function
global ahead_memory:data
global ahead_count:data
global ahead_due:data
extern copy_linear
extern disk_place
extern disk_build_at
extern disk_blocks
extern disk_block_size
extern disk_lba
extern disk_count
extern disk_done
extern scsi_buffer
extern scsi_outcome
extern command_start
extern command_wait
extern cmd_received
extern iscsi_pump
extern iscsi_deadline
extern session_check
extern deadline_after
extern ev_io_timeout
extern net_now
extern net_poll_again

AHEAD_LARGE     equ 32                  ; a read of so many blocks: the next one will be as large
AHEAD_CALLS     equ 4                   ; smaller ones: so many at first, then twice as many each time
AHEAD_MS        equ 2000                ; older than that nothing is given out

BSS iscsi
ahead_memory:       resd 1              ; linear address of two halves, 0 = there is none
ahead_half:         resd 1              ; place of the half that holds what is there
ahead_lba:          resd 1              ; what is there: first block and number
ahead_count:        resd 1
ahead_next:         resd 1              ; what is on its way
ahead_due:          resd 1
ahead_size:         resd 1              ; blocks of the next command
ahead_end:          resd 1              ; where the last read ended
ahead_time:         resd 1              ; when that was

CODE ahead
;---------------------------------------------------------------------------
; ahead_take - serve a read from what was read ahead
; in:       disk_lba, disk_count, disk_done, disk_buffer
; out:      CF = 0, EAX = blocks that are in the caller's buffer now; CF = 1: none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ahead_take:
        mov     eax, [ahead_count]
        or      eax, [ahead_due]
        jz      .none
        call    session_check
        jne     .none
        mov     bx, ev_io_timeout
        call    deadline_after
        mov     [iscsi_deadline], eax
        mov     eax, [net_now]
        sub     eax, [ahead_time]
        cmp     eax, AHEAD_MS
        ja      .none
        call    iscsi_pump              ; is the session alive? And what is on its way comes on
        jc      .none
.look:
        call    disk_place
        test    edx, edx
        jnz     .none
        mov     edx, [disk_count]
        sub     edx, [disk_done]        ; EDX = blocks wanted
        mov     edi, esi                ; EDI = where to
        mov     eax, ecx
        sub     eax, [ahead_lba]
        mov     ebx, [ahead_count]
        sub     ebx, eax
        jbe     .due
        cmp     ebx, edx
        jbe     .blocks
        mov     ebx, edx
.blocks:
        mov     ecx, [disk_block_size]
        mul     ecx
        add     eax, [ahead_half]
        add     eax, [ahead_memory]
        xchg    esi, eax
        imul    ecx, ebx
        call    copy_linear             ; fails in protected mode
        xchg    eax, ebx
        ret
.due:
        sub     ecx, [ahead_next]
        cmp     ecx, [ahead_due]
        jae     .none
        jecxz   .front
        jmp     .wait
.front:
        cmp     edx, [ahead_due]
        jb      .wait
        mov     esi, [scsi_buffer]      ; all of it is wanted: the rest goes straight to the caller
        mov     [scsi_buffer], edi
        mov     ecx, [cmd_received]
        call    copy_linear
        jc      .out
        call    ahead_arrive
.out:
        ret
.wait:
        call    ahead_arrive
        jc      .out
        mov     [ahead_count], eax
        mov     ecx, [ahead_next]
        mov     [ahead_lba], ecx
        xor     dword [ahead_half], AHEAD_HALF
        add     eax, ecx
        shl     dword [ahead_size], 1
        call    ahead_start
        jmp     .look
.none:
        stc
        ret

;---------------------------------------------------------------------------
; ahead_arrive - wait for what is on its way
; in:       ahead_due, iscsi_deadline
; out:      CF = 0, EAX = blocks; CF = 1: it did not come; ahead_due = 0 in both cases
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ahead_arrive:
        call    command_wait
        jc      .out                    ; the session is gone, and everything is forgotten
        call    scsi_outcome
        mov     eax, 0                  ; CF stays
        xchg    eax, [ahead_due]
.out:
        ret

;---------------------------------------------------------------------------
; ahead_note - blocks were read: will the next ones be wanted?
; in:       disk_lba, disk_count; net_now
; out:      none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ahead_note:
        mov     eax, [net_now]
        mov     [ahead_time], eax
        mov     eax, [disk_lba]
        mov     ecx, [disk_count]
        mov     edx, eax
        add     eax, ecx
        xchg    edx, [ahead_end]        ; EDX = the last one's end
        mov     [ahead_end], eax
        cmp     edx, [disk_lba]
        jne     .out
        cmp     dword [ahead_due], 0
        jne     .out
        mov     edx, eax
        sub     edx, [ahead_lba]
        cmp     edx, [ahead_count]
        jb      .out                    ; it is there
        cmp     ecx, AHEAD_LARGE
        jae     .size
        imul    ecx, ecx, AHEAD_CALLS
.size:
        mov     [ahead_size], ecx
        cmp     dword [disk_lba + 4], 0
        je      ahead_start
.out:
        ret

;---------------------------------------------------------------------------
; ahead_start - send the command for the next blocks, if that can be done now
; in:       EAX = first block; ahead_size
; out:      ahead_due
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ahead_start:
        mov     esi, [ahead_memory]
        test    esi, esi
        jz      .out
        smsw    dx
        test    dl, CR0_PE
        jnz     .out                    ; extended memory is out of reach
        push    eax
        mov     eax, AHEAD_HALF
        xor     edx, edx
        div     dword [disk_block_size]
        cmp     [ahead_size], eax
        jbe     .size
        mov     [ahead_size], eax
.size:
        pop     ecx
        mov     ebx, [ahead_size]
        or      eax, -1
        cmp     dword [disk_blocks + 4], 0
        jne     .end
        mov     eax, [disk_blocks]
.end:
        sub     eax, ecx                ; EAX = blocks up to the end
        jbe     .out
        cmp     ebx, eax
        jbe     .fits
        mov     ebx, eax
.fits:
        mov     [ahead_next], ecx
        mov     eax, [ahead_half]
        xor     eax, AHEAD_HALF
        add     esi, eax
        xor     edx, edx
        push    ebx
        call    disk_build_at
        call    command_start
        pop     ebx
        jc      .out                    ; the target takes none now
        mov     [ahead_due], ebx
        jmp     net_poll_again          ; it goes out
.out:
        ret

;---------------------------------------------------------------------------
; ahead_settle - something else is to be done: nothing is on its way any more, nothing is there
; in:       iscsi_deadline
; out:      none; the session may be gone
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ahead_settle:
        cmp     dword [ahead_due], 0
        je      ahead_forget
        call    command_wait
        ; fallthrough to ahead_forget

;---------------------------------------------------------------------------
; ahead_forget - nothing was read ahead
; in:       nothing
; out:      none
; clobbers: none
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ahead_forget:
        mov     dword [ahead_due], 0
        mov     dword [ahead_count], 0
        ret
