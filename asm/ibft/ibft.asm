; iBFT 1.03: what the operating system has to know to go on where the ROM stops.
;
; The table lies in DGROUP, which neither INT 12h nor E820 give to the system, and which systems search
; as long as it is above 512 KiB (IBFT_FIRST).
%include "romgen.inc"
%include "ev.inc"
%include "iscsi.inc"
%include "ibft.inc"

global ibft_write:function
global ibft_table:data

extern boot_bdf
extern chap_peer_name
extern ev_auth_method
extern ev_chap_secret, ev_chap_secret_len, ev_chap_username
extern ev_chapm_secret, ev_chapm_secret_len
extern ev_initiator_name
extern ev_target_ip2
extern ev_vlan
extern memory_segment
extern net_gateway, net_ip, net_mac, net_mask
extern session_target, session_target1, session_target2

IPV4_MARK       equ 0FFFFh      ; an IPv4 address is ::FFFF:a.b.c.d; all zeros = none
IPV4_AT         equ 12

BSS ibft
        alignb  IBFT_ALIGN
ibft_table:     resb IBFT_ROOM

; The ROM itself must not show a signature: the first letter comes last.
INITDATA ibft
ibft_head:
        istruc ibft_header
        at ibft_header.signature,       db 0, "BFT"
        at ibft_header.revision,        db IBFT_REVISION
        at ibft_header.oem_id,          db "ROMGEN"
        at ibft_header.oem_table_id,    db "ROMGEN  "
        iend
        istruc ibft_control
        at ibft_control.head.id,       db IBFT_ID_CONTROL
        at ibft_control.head.version,  db IBFT_VERSION
        at ibft_control.head.length,   dw ibft_control_size
        at ibft_control.initiator,      dw IBFT_AT_INITIATOR
        at ibft_control.nic0,           dw IBFT_AT_NIC0
        at ibft_control.target0,        dw IBFT_AT_TARGET0
        iend
IBFT_HEAD_SIZE  equ $ - ibft_head

; IBFT_START structure: its place is DI, its head is filled; index 0
%macro IBFT_START 4                     ; place, id, size, flags
        mov     di, ibft_table + %1
        mov     dword [di], %2 | IBFT_VERSION << 8 | %3 << 16
        mov     byte [di + ibft_structure.flags], %4
%endmacro

INITCODE ibft
;---------------------------------------------------------------------------
; ibft_write - the table for the operating system
; in:       ev_*, net_*, boot_bdf; ibft_table is zeroed
; out:      CF = 0; CF = 1, AX = error: it is there, but systems will not find it
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ibft_write:
        push    ds
        pop     es
        mov     si, ibft_head
        mov     di, ibft_table
        mov     cx, IBFT_HEAD_SIZE
        cs rep movsb
        mov     bx, ibft_table + IBFT_AT_STRINGS        ; where the next string goes

        IBFT_START IBFT_AT_INITIATOR, IBFT_ID_INITIATOR, ibft_initiator_size, IBFT_VALID | IBFT_SELECTED
        add     di, ibft_initiator.name
        mov     si, ev_initiator_name
        call    ibft_text

        IBFT_START IBFT_AT_NIC0, IBFT_ID_NIC, ibft_nic_size, IBFT_VALID | IBFT_SELECTED | IBFT_GLOBAL
        mov     byte [di + ibft_nic.origin], IBFT_ORIGIN_MANUAL
        mov     eax, [net_ip]
        lea     si, [di + ibft_nic.ip]
        call    ibft_address
        mov     edx, [net_mask]
        mov     al, 0
.mask:
        shl     edx, 1                  ; in any order of its bytes a mask has as many ones
        adc     al, 0
        test    edx, edx
        jnz     .mask
        mov     [di + ibft_nic.prefix], al
        mov     ax, [ev_vlan]
        mov     [di + ibft_nic.vlan], ax
        mov     ax, [boot_bdf]
        mov     [di + ibft_nic.bdf], ax
        mov     si, net_mac
        add     di, ibft_nic.mac
        movsd
        movsw

        ; The target in use. The other one is told, too, unless it was tried and failed: systems that
        ; log in everywhere would wait for it.
        IBFT_START IBFT_AT_TARGET0, IBFT_ID_TARGET, ibft_target_size, IBFT_VALID | IBFT_SELECTED
        mov     si, session_target1
        mov     dl, [session_target]
        test    dl, dl
        jz      .used
        mov     si, session_target2
.used:
        call    ibft_target_fill
        mov     dh, [ev_auth_method]
        dec     dh
        js      .second
        mov     si, ev_chap_username
        call    ibft_text
        mov     si, ev_chap_secret
        mov     cx, [ev_chap_secret_len]
        call    ibft_bytes
        dec     dh
        js      .second
        mov     si, chap_peer_name      ; CHAPMUsername may leave it to the target
        call    ibft_text
        mov     si, ev_chapm_secret
        mov     cx, [ev_chapm_secret_len]
        call    ibft_bytes
.second:
        test    dl, dl
        jnz     .seal
        cmp     dword [ev_target_ip2], 0
        je      .seal
        mov     word [ibft_table + IBFT_AT_CONTROL + ibft_control.target1], IBFT_AT_TARGET1
        IBFT_START IBFT_AT_TARGET1, IBFT_ID_TARGET, ibft_target_size, IBFT_VALID
        inc     byte [di + ibft_structure.index]
        mov     si, session_target2
        call    ibft_target_fill
        mov     si, ibft_table + IBFT_AT_TARGET0 + ibft_target.chap_name
        mov     cx, ibft_target_size - ibft_target.chap_name
        rep movsb                       ; the same account

.seal:
        mov     si, ibft_table
        sub     bx, si
        mov     [si + ibft_header.length], bx
        mov     al, 'i'
.sum:
        add     al, [si]
        inc     si
        dec     bx
        jnz     .sum
        neg     al
        mov     [ibft_table + ibft_header.checksum], al
        mov     byte [ibft_table + ibft_header.signature], 'i'
        mov     ax, ERR_IBFT_PLACE
        cmp     word [memory_segment], IBFT_FIRST >> 4
        ret                             ; below: CF = 1

;---------------------------------------------------------------------------
; ibft_target_fill - what the boot variables say of a target, without its account
; in:       CS:SI = session_row; DI = its structure; BX = place for the next string
; out:      DI = its CHAP name; BX = place for the next string
; clobbers: EAX, CX, SI, DI, BP, BX, flags
; needs:    DS = ES = SS = DGROUP; the NIC's structure is there
;---------------------------------------------------------------------------
ibft_target_fill:
        mov     bp, [cs:si + session_row.ip]
        mov     eax, [bp]
        push    si
        lea     si, [di + ibft_target.ip]
        call    ibft_address
        xor     eax, [net_ip]
        and     eax, [net_mask]
%if !IBFT_GATEWAY_ALWAYS
        ; Windows sends everything to the target through a gateway that stands here, also on its own net.
        jz      .near
%endif
        mov     eax, [net_gateway]
        mov     si, ibft_table + IBFT_AT_NIC0 + ibft_nic.gateway
        call    ibft_address
.near:
        pop     si
        mov     bp, [cs:si + session_row.port]
        mov     ax, [bp]
        mov     [di + ibft_target.port], ax
        mov     al, [ev_auth_method]    ; None, CHAP, MutualCHAP count as the table's CHAP types do
        mov     [di + ibft_target.chap_type], al
        mov     bp, [cs:si + session_row.name]
        mov     si, [cs:si + session_row.lun]
        add     di, ibft_target.lun
        movsd
        movsd
        add     di, ibft_target.name - ibft_target.lun - 8
        mov     si, bp
        jmp     ibft_text

;---------------------------------------------------------------------------
; ibft_address - an IPv4 address as the table has it
; in:       EAX = address, 0 = none; SI = its 16 bytes, zeroed
; out:      nothing
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ibft_address:
        test    eax, eax
        jz      .none
        mov     word [si + IPV4_AT - 2], IPV4_MARK
        mov     [si + IPV4_AT], eax
.none:
        ret

;---------------------------------------------------------------------------
; ibft_text - put a string into the table
; in:       SI = string with its NUL; DI = its ibft_string; BX = place for it
; out:      DI = behind the ibft_string; BX = place for the next string
; clobbers: AX, CX, SI, DI, BX, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ibft_text:
        push    di
        mov     di, si
        mov     al, 0
        mov     cx, -1
        repne scasb
        not     cx
        dec     cx
        pop     di
; fallthrough: ibft_bytes

;---------------------------------------------------------------------------
; ibft_bytes - put bytes into the table
; in:       SI = bytes, CX = their count; DI, BX as ibft_text
; out:      DI = behind the ibft_string; BX = place for the next string
; clobbers: AX, CX, SI, DI, BX, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
; Some systems read up to the length, others up to a NUL: both are there. Nothing at all is 0, 0.
ibft_bytes:
        jcxz    .none
        mov     ax, bx
        sub     ax, ibft_table
        mov     [di + ibft_string.length], cx
        mov     [di + ibft_string.offset], ax
        xchg    di, bx
        rep movsb
        inc     di
        xchg    di, bx
.none:
        add     di, ibft_string_size
        ret
