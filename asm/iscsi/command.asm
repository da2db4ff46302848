; One SCSI command on the session: the command PDU with immediate data, Data-In, R2T and Data-Out,
; status (RFC 7143, 11.2 to 11.8). One command at a time; with a target that is far, the one behind it
; may be there already (command_queue).
%include "romgen.inc"
%include "iscsi.inc"

global iscsi_command:function
global command_start:function
%if TCP_WIDE
global command_queue:function
global command_next:function
global queue_length:data
global queue_never:data
global cmd_promoted:data
global cmd_failed:data
extern scsi_minimum
extern tcp_rcv_scale
extern scsi_outcome
%endif
global command_wait:function
global iscsi_pump:function
global iscsi_expired:function
global undi_unreachable:function
global data_in_header:function
global data_in_done:function
global response_header:function
global response_done:function
global r2t_done:function
global command_reset:function
global scsi_cdb:data
global scsi_direction:data
global scsi_length:data
global scsi_buffer:data
global iscsi_deadline:data
global silence_limit:data
global cmd_spoiled:data
global cmd_active:data
global cmd_tag:data
global cmd_received:data
global cmd_sent:data
global cmd_response:data
global cmd_status:data
global cmd_flags:data
global cmd_residual:data
global cmd_sense_length:data
global seq_left:data
global r2t_count:data
extern swap_eax
extern ahead_due
extern pdu_begin
extern pdu_lun
extern pdu_commit
extern nop_out_answer
extern session_drop
extern iscsi_cmd_sn
extern iscsi_max_cmd_sn
extern session_lun
extern stat_sn_check
extern rx_unasked
extern rx_eat
extern rx_bhs
extern rx_length
extern rx_time
extern login_segment_max
extern login_burst
extern login_first_burst
extern login_initial_r2t
extern login_immediate
extern iscsi_phase
extern net_poll
extern net_poll_again
extern tcp_state
extern tcp_ring_wnd
extern tcp_rtt_min
%if TCP_WIDE = 2
extern tcp_hole_at
%endif
extern tcp_rcv_nxt
extern tcp_rcv_edge
extern tcp_patience
extern tcp_quiet_at
extern tcp_ack_now
extern tcp_abort
extern tcp_error
extern undi_dead
extern disk_status
extern tcp_tx_idle
extern tcp_progress
extern net_now
extern copy_to_linear
extern error_detail

BSS iscsi
scsi_cdb:           resb CDB_SIZE
scsi_length:        resd 1              ; bytes that the command moves
scsi_buffer:        resd 1              ; linear address of them
scsi_direction:     resb 1              ; 0, SCSI_READ, SCSI_WRITE
cmd_response:       resb 1              ; what came of it: iSCSI response, SCSI status,
cmd_status:         resb 1
cmd_flags:          resb 1              ; overflow and underflow,
cmd_sense_length:   resw 1              ; bytes of the data segment that are in rx_data
cmd_residual:       resd 1
cmd_tag:            resd 1              ; initiator task tag; the first command gets the next one
                    alignb 4
cmd_flush:          resd 1              ; how long its last bytes may wait for their acknowledgement
seq_ttt:            resd 1              ; the sequence of Data-Out under way: its tag as on the wire
r2t_queue:          resb OUR_R2T_MAX * r2t_size
iscsi_deadline:     resd 1              ; of what is being waited for
%if TCP_WIDE
queue_length:       resd 1              ; bytes that the command behind the one under way reads; 0: there is none
queue_buffer:       resd 1
cmd_promoted:       resb 1              ; 1: it has begun, the one before is over
cmd_failed:         resb 1              ; not 0: that one failed
queue_never:        resb 1              ; 1: this target does not keep the order
                    alignb 4
%endif
silence_limit:      resd 1              ; ms without a byte from the target that owes an answer
cmd_zeros:                              ; from here on 0 at the start of each command
cmd_received:       resd 1              ; bytes of Data-In so far
cmd_sent:           resd 1              ; bytes of immediate data and Data-Out so far
cmd_asked:          resd 1              ; bytes sent or asked for by R2Ts: where the next R2T begins
cmd_data_sn:        resd 1              ; of the next Data-In or R2T
seq_left:           resd 1              ; bytes of the sequence that are not sent
seq_data_sn:        resd 1              ; its next DataSN
r2t_count:          resw 1
pump_turns:         resw 1
cmd_active:         resb 1              ; 1: a command is under way
cmd_spoiled:        resb 1              ; 1: data or sense came with a wrong digest
cmd_zeros_end:

HOLE_MS         equ 1000                ; ms for which a loss is remembered
PUMP_FIRST      equ 512                 ; turns of iscsi_pump until the first look at the clock: a short command
                                        ; is over before, and the look would leave a virtual machine
PUMP_CLOCK      equ 64                  ; turns from one look to the next
%if PUMP_FIRST & PUMP_FIRST - 1 || PUMP_FIRST < 256 || PUMP_CLOCK > 127
  %error iscsi_pump tests one bit of the upper byte, and subtracts a byte
%endif

CODE iscsi
;---------------------------------------------------------------------------
; iscsi_expired - is the deadline over, or is it hopeless to wait?
; in:       iscsi_deadline, undi_dead; net_now, as the last net_poll left it
; out:      CF = 1, AX = error: yes
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
iscsi_expired:
        cmp     byte [undi_dead], 0
        jne     undi_unreachable
        mov     eax, [net_now]
        sub     eax, [iscsi_deadline]
        jns     .over
        clc
        ret
.over:
        FAIL    ISCSI_TIMEOUT

;---------------------------------------------------------------------------
; undi_unreachable - virtual-8086 mode, and registers that cannot be reached there
; in:       nothing
; out:      CF = 1, AX = ERR_UNDI_TRANSMIT, error_detail, disk_status
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
undi_unreachable:
        mov     byte [disk_status], INT13_CONTROLLER_FAILURE
        mov     dword [error_detail], UNDI_INVALID_STATE
        FAIL    UNDI_TRANSMIT

;---------------------------------------------------------------------------
; iscsi_pump - one turn of every loop that waits: network, answers, data, deadline
; in:       iscsi_deadline; net_now = the time not long ago
; out:      CF = 1, AX = error: the session cannot be used any more
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
iscsi_pump:
        mov     ax, net_poll_again
        inc     word [pump_turns]
        test    byte [pump_turns + 1], PUMP_FIRST / 256
        jz      .poll
        sub     word [pump_turns], byte PUMP_CLOCK
        mov     ax, net_poll
.poll:
        call    ax
        cmp     byte [tcp_state], TCP_ESTABLISHED
        jne     .closed
        call    nop_out_answer
        call    data_out_next
        cmp     byte [cmd_active], 0
        je      iscsi_expired
        call    tcp_tx_idle             ; a command is under way: is the target alive? While it takes
        jz      .heard                  ; our data it may be silent otherwise
        mov     eax, [tcp_progress]
        mov     edx, eax
        sub     edx, [rx_time]
        js      .heard
        mov     [rx_time], eax
.heard:
        mov     eax, [net_now]
        sub     eax, [rx_time]
        cmp     eax, [silence_limit]    ; tcp_remind has asked it
        jl      iscsi_expired
        FAIL    ISCSI_SILENT
.closed:
        mov     ax, [tcp_error]
        test    ax, ax
        stc
        jnz     .out
        mov     ax, ERR_ISCSI_CLOSED
.out:
        ret

;---------------------------------------------------------------------------
; command_reset - nothing is under way
; in:       none
; out:      none
; clobbers: AL, CX, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
command_reset:
        push    ds
        pop     es
        mov     di, cmd_zeros
        mov     cx, cmd_zeros_end - cmd_zeros
        mov     al, 0
        rep stosb
        ret

;---------------------------------------------------------------------------
; iscsi_command - carry out one SCSI command
; in:       scsi_cdb, scsi_direction, scsi_length, scsi_buffer, iscsi_deadline
; out:      CF = 0: cmd_response, cmd_status, cmd_flags, cmd_residual, cmd_received, cmd_sent;
;           CF = 1, AX = error: the session is gone
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
iscsi_command:
        call    command_start
        jnc     command_wait
        call    iscsi_pump
        jnc     iscsi_command
        jmp     session_drop

;---------------------------------------------------------------------------
; command_start - hand a command to the target, if it takes one now
; in:       as iscsi_command; net_now
; out:      CF = 0: it is queued; CF = 1: not now
; clobbers: EAX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
command_start:
        call    command_reset
        call    command_record
        jc      .out
        mov     eax, [net_now]
        mov     [rx_time], eax          ; silence counts from here
        mov     byte [cmd_active], 1
        mov     [tcp_quiet_at], ax
        or      byte [tcp_patience], 1
        push    ebx
        call    pdu_commit
        pop     ebx
        clc
.out:
        ret

;---------------------------------------------------------------------------
; command_record - the command's PDU, if the target takes one now
; in:       as command_start
; out:      CF = 0, DI = record, to be committed; cmd_tag, cmd_sent, cmd_asked, seq_*; CF = 1: not now
; clobbers: EAX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
command_record:
        mov     eax, [iscsi_max_cmd_sn] ; may be behind what it takes now (RFC 7143, 4.2.2.1)
        sub     eax, [iscsi_cmd_sn]
        stc
        js      .out
        mov     al, ISCSI_SCSI_COMMAND
        call    pdu_begin
        jc      .out
        call    command_build
        clc
.out:
        ret

%if TCP_WIDE
;---------------------------------------------------------------------------
; command_queue - hand a read to the target behind the read that is under way
; in:       scsi_cdb, scsi_length, scsi_buffer of the new one; queue_length = 0
; out:      CF = 0: it is queued, queue_length; CF = 1: not now
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP; who calls puts scsi_length and scsi_buffer back
;---------------------------------------------------------------------------
; An ordered task is not begun before those ahead of it are done (SAM-5, 8.6.3): so all of one command's
; data comes before the other's.
command_queue:
        call    command_record
        jc      .out
        dec     dword [cmd_tag]         ; of the one under way
        xor     byte [di + TXREC.header + bhs_command.flags], ISCSI_FLAG_ATTR_SIMPLE | ISCSI_FLAG_ATTR_ORDERED
        push    dword [scsi_length]
        pop     dword [queue_length]
        push    dword [scsi_buffer]
        pop     dword [queue_buffer]
        call    pdu_commit
        clc
.out:
        ret

;---------------------------------------------------------------------------
; command_next - the queued command is the one under way now
; in:       queue_length, queue_buffer
; out:      queue_length = 0
; clobbers: EAX, CX, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
command_next:
        call    command_reset
        xor     eax, eax
        xchg    eax, [queue_length]
        mov     [scsi_length], eax
        mov     [scsi_minimum], eax
        mov     eax, [queue_buffer]
        mov     [scsi_buffer], eax
        inc     dword [cmd_tag]
        mov     byte [cmd_active], 1
        ret
%endif

;---------------------------------------------------------------------------
; command_wait - until the command is over
; in:       iscsi_deadline
; out:      as iscsi_command
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
command_wait:
.wait:
%if TCP_WIDE
        cmp     word [tcp_rtt_min], TCP_FAR
  %if TCP_WIDE = 1
        jb      .told
  %else
        jae     .far
        mov     eax, [net_now]          ; a near peer repeats soon, and what comes behind a hole has few
        sub     eax, [tcp_hole_at]      ; places: on a wire that loses frames less under way is more
        cmp     eax, HOLE_MS
        jb      .told
.far:
  %endif
        test    byte [scsi_direction], SCSI_READ
        jz      .told
        mov     eax, [scsi_length]
        sub     eax, [cmd_received]
        add     eax, [queue_length]
        add     eax, [tcp_ring_wnd]
        mov     edx, TCP_WINDOW_MAX
        mov     cl, [tcp_rcv_scale]
        shl     edx, cl
        cmp     eax, edx
        jbe     .edge
        xchg    eax, edx
.edge:
        add     eax, [tcp_rcv_nxt]
        mov     edx, eax
        sub     edx, [tcp_rcv_edge]
        jle     .told                   ; never back
        mov     [tcp_rcv_edge], eax
        cmp     edx, [tcp_ring_wnd]
        jl      .told                   ; the next ACK tells it
        cmp     dword [ahead_due], 0
        je      .told                   ; the command itself does
        mov     byte [tcp_ack_now], 1
.told:
%endif
        cmp     byte [cmd_active], 0
        je      .over
%if TCP_WIDE
        cmp     byte [cmd_promoted], 0
        jne     .over                   ; it is the next one's already
%endif
        call    iscsi_pump
        jnc     .wait
        cmp     byte [cmd_active], 0    ; the target may answer and close in one breath
        je      .over
        jmp     session_drop
.over:
        ; The buffer is the caller's again when we return, so TCP must not need it any more. It hardly
        ; ever does: the answer has acknowledged the data, unless the target answered before it had all.
        test    byte [scsi_direction], SCSI_WRITE
        jz      .done
        mov     eax, [net_now]
        add     eax, FLUSH_WAIT
        mov     [cmd_flush], eax
.flush:
        call    tcp_tx_idle
        jz      .done
        call    iscsi_pump
        jc      .gone
        mov     eax, [net_now]
        sub     eax, [cmd_flush]
        js      .flush
.gone:                                  ; the session is over, what the command gave is not
        mov     byte [iscsi_phase], PHASE_NONE
        call    tcp_abort
.done:
        clc
        ret

;---------------------------------------------------------------------------
; command_build - fill the command PDU; for a write plan the data that goes unasked
; in:       DI = record; scsi_cdb, scsi_direction, scsi_length, scsi_buffer
; out:      the record; cmd_sent, cmd_asked, seq_*
; clobbers: EAX, ECX, EDX, ESI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
command_build:
        mov     si, session_lun
        call    pdu_lun
        inc     dword [cmd_tag]
        mov     eax, [cmd_tag]
        call    swap_eax
        mov     [di + TXREC.header + bhs_command.itt], eax
        mov     eax, [scsi_length]
        call    swap_eax
        mov     [di + TXREC.header + bhs_command.expected_length], eax
        mov     al, [scsi_direction]
        or      al, ISCSI_FLAG_ATTR_SIMPLE
        or      [di + TXREC.header + bhs_command.flags], al
        push    di
        add     di, TXREC.header + bhs_command.cdb
        mov     si, scsi_cdb
        push    ds
        pop     es
        mov     cx, CDB_SIZE / 2
        rep movsw
        pop     di
        test    al, SCSI_WRITE
        jz      .out
        xor     ecx, ecx                ; ECX = immediate data
        mov     edx, [scsi_length]      ; EDX = all unsolicited data: at most FirstBurstLength
        cmp     edx, [login_first_burst]
        jbe     .first
        mov     edx, [login_first_burst]
.first:
        cmp     byte [login_immediate], 0
        je      .immediate
        mov     ecx, edx
        cmp     ecx, [login_segment_max]
        jbe     .immediate
        mov     ecx, [login_segment_max]
.immediate:
        mov     [di + TXREC.payload_len], ecx
        mov     eax, [scsi_buffer]
        mov     [di + TXREC.payload_lin], eax
        mov     [cmd_sent], ecx
        mov     [cmd_asked], ecx
        cmp     byte [login_initial_r2t], 0
        jne     .out
        mov     [cmd_asked], edx
        sub     edx, ecx
        jz      .out
        mov     [seq_left], edx         ; the rest follows as Data-Out without being asked for
        or      dword [seq_ttt], byte -1
        and     byte [di + TXREC.header + bhs_command.flags], ~ISCSI_FLAG_FINAL & 0FFh
.out:
        ret

;---------------------------------------------------------------------------
; data_out_next - send what may be sent of the command's data
; in:       seq_*, r2t_*
; out:      none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
data_out_next:
        mov     ecx, [seq_left]
        test    ecx, ecx
        jnz     .send
        cmp     word [r2t_count], 0
        je      .out
        dec     word [r2t_count]        ; the oldest R2T is the next sequence
        mov     eax, [r2t_queue + r2t.ttt]
        mov     [seq_ttt], eax
        mov     ecx, [r2t_queue + r2t.length]
        mov     [seq_left], ecx
        and     dword [seq_data_sn], byte 0
        push    ds
        pop     es
        mov     di, r2t_queue
        mov     si, r2t_queue + r2t_size
        mov     cx, (OUR_R2T_MAX - 1) * r2t_size / 2
        rep movsw
.send:
        mov     al, ISCSI_DATA_OUT
        call    pdu_begin
        jc      .out
        and     byte [di + TXREC.header + bhs.flags], 0
        mov     ecx, [seq_left]
        cmp     ecx, [login_segment_max]
        ja      .part
        mov     byte [di + TXREC.header + bhs.flags], ISCSI_FLAG_FINAL
        jmp     .length
.part:
        mov     ecx, [login_segment_max]
.length:
        sub     [seq_left], ecx
        mov     [di + TXREC.payload_len], ecx
        mov     eax, [seq_ttt]
        mov     [di + TXREC.header + bhs.ttt], eax
        inc     eax
        jz      .unasked                ; the LUN belongs to a target transfer tag only
        mov     si, session_lun
        call    pdu_lun
.unasked:
        mov     eax, [cmd_tag]
        call    swap_eax
        mov     [di + TXREC.header + bhs.itt], eax
        mov     eax, [seq_data_sn]
        inc     dword [seq_data_sn]
        call    swap_eax
        mov     [di + TXREC.header + bhs.data_sn], eax
        mov     eax, [cmd_sent]         ; sequences come in order, so what was sent is the offset
        add     [cmd_sent], ecx
        mov     edx, eax
        add     edx, [scsi_buffer]
        mov     [di + TXREC.payload_lin], edx
        call    swap_eax
        mov     [di + TXREC.header + bhs.buffer_offset], eax
        call    pdu_commit
        jmp     data_out_next
.out:
        ret

;---------------------------------------------------------------------------
; command_match - is the PDU an answer to the command?
; in:       rx_bhs, AL = direction that the command must have (0: any)
; out:      CF = 1, AX = error
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
command_match:
%if TCP_WIDE
        cmp     byte [cmd_active], 0
        jne     .active
        cmp     dword [queue_length], 0
        je      rx_unasked
        pushad
        push    es
        call    scsi_outcome
        sbb     al, al
        mov     [cmd_failed], al
        mov     byte [cmd_promoted], 1
        call    command_next
        pop     es
        popad
.active:
%else
        cmp     byte [cmd_active], 0
        je      rx_unasked
%endif
        mov     ah, [scsi_direction]
        and     ah, al
        cmp     ah, al
        jne     rx_unasked
        mov     eax, [rx_bhs + bhs.itt]
        call    swap_eax
        cmp     eax, [cmd_tag]
        jne     .unasked
        ret                             ; equal: CF = 0
.unasked:
%if TCP_WIDE
        cmp     dword [queue_length], 1
        cmc
        adc     byte [queue_never], 0   ; the other one's, too early
%endif
        jmp     rx_unasked

;---------------------------------------------------------------------------
; rx_numbers - the numbers of a Data-In or R2T
; in:       rx_bhs
; out:      EDX = DataSN or R2TSN, EAX = buffer offset, ECX = residual or desired length
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_numbers:
        mov     eax, [rx_bhs + bhs_target.data_sn]
        call    swap_eax
        xchg    edx, eax
        mov     eax, [rx_bhs + bhs_target.residual]
        call    swap_eax
        xchg    ecx, eax
        mov     eax, [rx_bhs + bhs_target.buffer_offset]
        jmp     swap_eax

;---------------------------------------------------------------------------
; data_in_header - Data-In: does it continue where the data ends?
; in:       rx_bhs, rx_length
; out:      CF = 1, AX = error
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
data_in_header:
        mov     al, SCSI_READ
        call    command_match
        jc      .out
        call    rx_numbers
        cmp     edx, [cmd_data_sn]
        jne     .order
        cmp     eax, [cmd_received]
        jne     .order
        mov     ecx, [scsi_length]
        sub     ecx, eax                ; not below 0: cmd_received never passes scsi_length
        cmp     ecx, [rx_length]
        jb      .order
        mov     cl, [rx_bhs + bhs_target.flags]
        and     cl, ISCSI_FLAG_FINAL | ISCSI_DATAIN_STATUS
        cmp     cl, ISCSI_DATAIN_STATUS ; status without F (RFC 7143, 11.7.4)
        je      .order
        inc     dword [cmd_data_sn]
        mov     word [rx_eat], rx_data_in
        clc
.out:
        ret
.order:
        mov     [error_detail], eax
        FAIL    ISCSI_DATA_IN

;---------------------------------------------------------------------------
; rx_data_in - bytes of a Data-In go to their place
; in:       ES:SI = bytes, CX = count
; out:      CF = 1, AX = error
; clobbers: EAX, ECX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
rx_data_in:
        movzx   ecx, cx
        mov     edi, [scsi_buffer]
        add     edi, [cmd_received]
        add     [cmd_received], ecx
        call    copy_to_linear
        jnc     .out
        cmp     dword [ahead_due], 1    ; CF = 1: it is what the caller wants, so an error
        jc      .out
        mov     byte [cmd_spoiled], 1   ; read ahead: then not (virtual-8086 mode)
.out:
        ret

;---------------------------------------------------------------------------
; data_in_done - a Data-In is complete; with S it carries the status
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
data_in_done:
        test    byte [rx_bhs + bhs_target.flags], ISCSI_DATAIN_STATUS
        jz      command_over.out        ; CF = 0
        mov     byte [cmd_response], 0
        xor     eax, eax
        jmp     command_over

;---------------------------------------------------------------------------
; response_header - SCSI Response: is it ours?
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
response_header:
        mov     al, 0
        jmp     command_match

;---------------------------------------------------------------------------
; response_done - SCSI Response: status, residual, sense
; in:       rx_bhs, rx_length, rx_data
; out:      CF = 1, AX = error
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
response_done:
        mov     al, [rx_bhs + bhs_target.response]
        mov     [cmd_response], al
        mov     eax, [rx_length]
        ; fallthrough to command_over

;---------------------------------------------------------------------------
; command_over - the command has its status
; in:       rx_bhs, EAX = length of the data segment
; out:      CF = 1, AX = error
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
command_over:
        cmp     eax, SENSE_ROOM
        jbe     .sense
        mov     ax, SENSE_ROOM
.sense:
        mov     [cmd_sense_length], ax
        call    stat_sn_check
        jc      .out
        mov     al, [rx_bhs + bhs_target.status]
        mov     [cmd_status], al
        mov     al, [rx_bhs + bhs_target.flags]
        and     al, ISCSI_FLAG_OVERFLOW | ISCSI_FLAG_UNDERFLOW
        mov     [cmd_flags], al
        call    rx_numbers
        mov     [cmd_residual], ecx
        xor     eax, eax
        mov     [cmd_active], al
        mov     [seq_left], eax         ; the target wants no more data, whatever it asked for
        mov     [r2t_count], ax
.out:
        ret

;---------------------------------------------------------------------------
; r2t_done - the target asks for data
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
r2t_done:
        mov     al, SCSI_WRITE
        call    command_match
        jc      .out
        call    rx_numbers              ; ECX = desired length
        cmp     edx, [cmd_data_sn]
        jne     .order
        cmp     eax, [cmd_asked]        ; DataSequenceInOrder=Yes
        jne     .order
        cmp     word [r2t_count], OUR_R2T_MAX
        jae     .order
        mov     edx, [scsi_length]
        sub     edx, eax
        cmp     edx, ecx
        jb      .order
        cmp     ecx, [login_burst]
        ja      .order
        jecxz   .order
        inc     dword [cmd_data_sn]
        add     [cmd_asked], ecx
        imul    bx, [r2t_count], r2t_size
        inc     word [r2t_count]
        mov     [bx + r2t_queue + r2t.length], ecx
        mov     eax, [rx_bhs + bhs.ttt]
        mov     [bx + r2t_queue + r2t.ttt], eax
        clc
.out:
        ret
.order:
        mov     [error_detail], eax
        FAIL    ISCSI_R2T
