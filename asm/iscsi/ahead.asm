; Read-ahead: while somebody reads block after block, the next command is on its way before it is
; asked for. Its data goes to extended memory that the BIOS gave for good, in two halves: one holds
; what is there, the other gets what is on its way. A caller that wants all of the latter gets it into
; its own buffer.
;
; Where the target is far, the command behind that one is on its way, too, as soon as the half that is to
; get its data holds nothing more that is wanted: so the wire is not idle between two commands.
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
extern deadline_io
extern net_now
extern net_poll_again
%if TCP_WIDE
extern command_next
extern command_queue
extern cmd_failed
extern cmd_promoted
extern queue_length
extern queue_never
extern scsi_length
extern scsi_minimum
extern tcp_rtt_min
%endif

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
%if TCP_WIDE
ahead_queued:       resd 1              ; blocks of the command behind the one on its way
%endif

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
        call    deadline_io
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
%if TCP_WIDE
        cmp     byte [cmd_promoted], 0
        jne     .wait                   ; all of it is there, the next one is coming already
%endif
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
        xchg    eax, ecx                ; EAX = what comes behind it
        sub     ecx, eax
        neg     ecx
        mov     [ahead_lba], ecx
        cmp     dword [disk_count], AHEAD_LARGE
        jae     .sized
        shl     dword [ahead_size], 1
.sized:
%if TCP_WIDE
        cmp     dword [ahead_due], 0
        jne     .look
%endif
        call    ahead_start
        jmp     .look
.none:
        stc
        ret

;---------------------------------------------------------------------------
; ahead_arrive - wait for what is on its way
; in:       ahead_due, iscsi_deadline
; out:      CF = 0, EAX = blocks; CF = 1: it did not come; ahead_next, ahead_due: of the command behind it
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ahead_arrive:
        call    command_wait
        jc      .out                    ; the session is gone, and everything is forgotten
        xor     ecx, ecx
%if TCP_WIDE
        mov     al, [cmd_failed]
        cmp     byte [cmd_promoted], cl
        jne     .known
        call    scsi_outcome
        sbb     al, al
        xor     ecx, ecx
        cmp     [queue_length], ecx
        je      .known
        push    ax
        call    command_next
        pop     ax
        xor     ecx, ecx
.known:
        mov     [cmd_promoted], cl
        xchg    ecx, [ahead_queued]
        neg     al                      ; CF = it failed
%else
        call    scsi_outcome
        mov     ecx, 0                  ; CF stays
%endif
        pushf
        mov     eax, [ahead_due]
        mov     [ahead_due], ecx
        add     [ahead_next], eax
        xor     dword [ahead_half], AHEAD_HALF
        popf
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
        jne     .under_way
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
        jne     .out
        call    ahead_start
.under_way:
%if TCP_WIDE
        cmp     word [tcp_rtt_min], TCP_FAR
        jb      .out
        cmp     dword [ahead_size], AHEAD_LARGE
        jb      .out
        mov     al, [queue_never]
        or      al, [ahead_queued]
        jnz     .out
        mov     eax, [ahead_next]
        cmp     eax, [ahead_end]
        jne     .out                    ; the other half holds something still
        mov     ecx, [ahead_due]
        jecxz   .out
        add     eax, ecx
        jmp     ahead_queue
%endif
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
        mov     esi, [ahead_half]
        xor     esi, AHEAD_HALF
        call    ahead_build
        jc      .out
        mov     [ahead_next], ecx
        push    ebx
        call    command_start
        pop     ebx
        jc      .out                    ; the target takes none now
        mov     [ahead_due], ebx
        jmp     net_poll_again          ; it goes out
.out:
        ret

%if TCP_WIDE
;---------------------------------------------------------------------------
; ahead_queue - send the command for the blocks behind those that are on their way
; in:       EAX = first block; ahead_size; nothing is wanted of what is there
; out:      ahead_queued
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ahead_queue:
        push    dword [scsi_buffer]
        push    dword [scsi_length]
        mov     esi, [ahead_half]
        call    ahead_build
        jc      .restore
        push    ebx
        call    command_queue
        pop     ebx
        jc      .restore
        mov     [ahead_queued], ebx
.restore:
        pop     eax
        mov     [scsi_length], eax
        mov     [scsi_minimum], eax
        pop     dword [scsi_buffer]
        jmp     net_poll_again
%endif

;---------------------------------------------------------------------------
; ahead_build - a READ of the next blocks, as many as may be
; in:       EAX = first block; ESI = which half; ahead_size
; out:      CF = 0, ECX = first block, EBX = blocks, scsi_*; CF = 1: none, or there is no place for them
; clobbers: EAX, EBX, ECX, EDX, ESI, DI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ahead_build:
        mov     ecx, [ahead_memory]
        jecxz   .none
        add     esi, ecx
        xchg    ecx, eax
        smsw    dx
        test    dl, CR0_PE
        jnz     .none                   ; extended memory is out of reach
        mov     eax, AHEAD_HALF
        xor     edx, edx
        div     dword [disk_block_size]
        mov     ebx, [ahead_size]
        cmp     ebx, eax
        jbe     .size
        xchg    ebx, eax
        mov     [ahead_size], ebx
.size:
        or      eax, -1
        cmp     dword [disk_blocks + 4], 0
        jne     .end
        mov     eax, [disk_blocks]
.end:
        sub     eax, ecx                ; EAX = blocks up to the end
        jbe     .none
        cmp     ebx, eax
        jbe     .fits
        xchg    ebx, eax
.fits:
        xor     edx, edx
        push    ebx
        push    ecx
        call    disk_build_at
        pop     ecx
        pop     ebx
        clc
        ret
.none:
        stc
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
.wait:
        call    command_wait
%if TCP_WIDE
        jc      ahead_forget
        cmp     byte [cmd_promoted], 0
        jne     .promoted
        cmp     dword [queue_length], 0
        je      ahead_forget
        call    command_next
.promoted:
        mov     byte [cmd_promoted], 0
        jmp     .wait
%endif
        ; fallthrough to ahead_forget

;---------------------------------------------------------------------------
; ahead_forget - nothing was read ahead
; in:       nothing
; out:      none
; clobbers: none
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ahead_forget:
        pushf
        and     dword [ahead_due], byte 0
        and     dword [ahead_count], byte 0
%if TCP_WIDE
        and     dword [ahead_queued], byte 0
        and     dword [queue_length], byte 0
        mov     byte [cmd_promoted], 0
%endif
        popf
        ret
