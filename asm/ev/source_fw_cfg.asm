; Boot variables from QEMU's fw_cfg (QEMU docs/specs/fw_cfg): the file opt/romgen/ev-BB.DD.F, the bus,
; device (both hexadecimal) and function of the adapter, for that adapter only; else opt/romgen/ev.
%include "romgen.inc"
%include "ev.inc"

%define EV_FW_CFG_NAME "opt/romgen/ev"
%strlen EV_FW_CFG_NAME_SIZE EV_FW_CFG_NAME
FW_CFG_FILES_MAX equ 1024       ; a directory with more entries is garbage: QEMU has some dozens

extern boot_bdf
extern stack_top

BSS ev
ev_fw_cfg_own:  resb 9          ; "-BB.DD.F", 0; empty where the file is everybody's
ev_fw_cfg_all:  resb fw_cfg_file.reserved       ; opt/romgen/ev as the directory has it: size, key

TABLE evsrc, 10
        dw      ev_source_fw_cfg, ev_fw_cfg_message

INITCODE ev
;---------------------------------------------------------------------------
; ev_source_fw_cfg - the text from fw_cfg, if there is one
; in:       DI = stack_top; boot_bdf
; out:      CF = 0, CX = length; CF = 1, AX = 0: not here, or error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_source_fw_cfg:
        push    ds
        pop     es
        mov     bp, di
        mov     ax, FW_CFG_SIGNATURE
        call    ev_fw_cfg_select
        mov     eax, [bp]
        cmp     eax, 'QEMU'             ; without fw_cfg (Bochs, a real machine) the port reads FFh
        jne     .absent
        mov     ax, FW_CFG_FILE_DIR
        call    ev_fw_cfg_select
        mov     eax, [bp]
        BSWAP   eax
        test    eax, eax
        jz      .absent
        cmp     eax, FW_CFG_FILES_MAX
        ja      .absent
        xchg    bx, ax                  ; BX = entries
        mov     di, ev_fw_cfg_own
        mov     al, '-'
        stosb
        mov     al, [boot_bdf + 1]
        call    .hex
        mov     al, [boot_bdf]
        shr     al, 3
        call    .hex
        mov     al, [boot_bdf]
        and     al, 7
        call    .digit
        mov     al, 0
        stosb
        mov     word [ev_fw_cfg_all + fw_cfg_file.select], 0
.entry:
        mov     di, bp
        mov     cx, fw_cfg_file_size
        rep insb
        lea     si, [bp + fw_cfg_file.name]
        mov     di, ev_fw_cfg_name
        mov     cx, EV_FW_CFG_NAME_SIZE
        push    es
        push    cs
        pop     es
        repe cmpsb
        pop     es
        jne     .next
        cmp     byte [si], 0
        je      .everybodys
        mov     di, ev_fw_cfg_own
        mov     cl, ev_fw_cfg_all - ev_fw_cfg_own
        repe cmpsb
        je      .found                  ; BP = its entry
.next:
        dec     bx
        jnz     .entry
        mov     bp, ev_fw_cfg_all
        mov     byte [ev_fw_cfg_own], 0
        cmp     word [bp + fw_cfg_file.select], 0
        jne     .found
.absent:
        xor     ax, ax
        stc
        ret
.everybodys:
        mov     si, bp
        mov     di, ev_fw_cfg_all
        movsd
        movsw
        jmp     .next
.hex:                                   ; AL in two digits and a point to DI
        aam     16
        xchg    al, ah
        call    .digit
        mov     al, ah
        call    .digit
        mov     al, '.'
        stosb
        ret
.digit:
        cmp     al, 10
        sbb     al, 69h                 ; as print_text does it
        das
        or      al, 20h
        stosb
        ret
.found:
        mov     ecx, [bp + fw_cfg_file.size]
        BSWAP   ecx
        cmp     ecx, EV_TEXT_MAX
        ja      .too_long
        mov     ax, [bp + fw_cfg_file.select]
        xchg    al, ah
        mov     dx, FW_CFG_SELECTOR
        out     dx, ax
        inc     dx
        mov     di, stack_top
        push    cx
        rep insb
        pop     cx
        clc
        ret
.too_long:
        FAIL    EV_TEXT_LONG

;---------------------------------------------------------------------------
; ev_fw_cfg_select - choose an item and read its first dword
; in:       AX = key, BP = room in DS
; out:      the dword at BP, DX = port of the data
; clobbers: CX, DX, DI, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ev_fw_cfg_select:
        mov     dx, FW_CFG_SELECTOR
        out     dx, ax
        mov     dx, FW_CFG_DATA
        mov     di, bp
        mov     cx, 4
        rep insb
        ret

INITDATA ev
ev_fw_cfg_name: db EV_FW_CFG_NAME
MSG ev_fw_cfg_message, "Boot variables: fw_cfg ", EV_FW_CFG_NAME, F_STR, ev_fw_cfg_own, CRLF
