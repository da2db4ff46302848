; The base code's TFTP calls (PXE 2.1, 3.3).
%include "romgen.inc"
%include "pxe.inc"

global api_tftp_open:function
global api_tftp_close:function
global api_tftp_read:function
global api_tftp_read_file:function
global api_tftp_get_fsize:function
global api_restart_tftp:function

extern api_gateway
extern pxe_busy, pxe_open, pxe_start
extern tftp_block, tftp_block_size, tftp_close, tftp_dest, tftp_fetch, tftp_file_size, tftp_next
extern tftp_open, tftp_room, tftp_server, tftp_server_port, tftp_state

CODE pxe_api_tftp
;---------------------------------------------------------------------------
; api_tftp_open - opcode TFTP_OPEN; a file that is open is closed, for some boot programs forget it
; in:       GS:DI = p_tftp_open
; out:      AX = PXE_OK, or a status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
api_tftp_open:
        mov     cx, [gs:di + p_tftp_open.packet_size]
        mov     ax, [gs:di + p_tftp_open.port]
        push    di
        call    api_tftp_ask
        pop     di
        jc      .done
        mov     ax, [tftp_block_size]
        mov     [gs:di + p_tftp_open.packet_size], ax
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_tftp_ask - open the file that a p_tftp_open or a p_tftp_size names
; in:       GS:DI = block; CX = block size; AX = server's port, network order, 0 = TFTP's
; out:      as tftp_open
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
%if p_tftp_open.server != p_tftp_size.server || p_tftp_open.name != p_tftp_size.name
  %error p_tftp_open and p_tftp_size differ
%endif
api_tftp_ask:
        mov     edx, [gs:di + p_tftp_open.server]
        mov     ebx, [gs:di + p_tftp_open.gateway]
        lea     si, [di + p_tftp_open.name]
        call    api_tftp_server
        jmp     tftp_open

;---------------------------------------------------------------------------
; api_tftp_server - close what is open; whom to ask
; in:       EDX = server; AX = port, network order, 0 = TFTP's; EBX = gateway, 0 = DHCP's; GS:SI, CX
; out:      ES:SI = GS:SI; tftp_server, tftp_server_port; CX as it was
; clobbers: EAX, EBX, EDX, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
api_tftp_server:
        push    esi
        push    ecx
        push    ax
        push    edx
        mov     eax, ebx
        call    api_gateway
        call    tftp_close
        call    pxe_open
        pop     dword [tftp_server]
        pop     ax
        test    ax, ax
        jnz     .port
        mov     ax, HTONS(TFTP_PORT)
.port:
        mov     [tftp_server_port], ax
        pop     ecx
        pop     esi
        push    gs
        pop     es
        ret

;---------------------------------------------------------------------------
; api_tftp_read - opcode TFTP_READ: the next block
; in:       GS:DI = p_tftp_read
; out:      AX = PXE_OK, or a status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
; Size is a result only: the buffer holds a packet of the size that TFTP_OPEN told.
api_tftp_read:
        movzx   eax, word [gs:di + p_tftp_read.buffer_seg]
        shl     eax, 4
        movzx   ecx, word [gs:di + p_tftp_read.buffer_off]
        add     eax, ecx
        mov     [tftp_dest], eax
        mov     dword [tftp_room], TFTP_BLOCK_MAX
        push    di
        call    tftp_next
        pop     di
        jc      .done
        mov     [gs:di + p_tftp_read.size], cx
        mov     ax, [tftp_block]
        dec     ax
        mov     [gs:di + p_tftp_read.packet_number], ax
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_tftp_close - opcode TFTP_CLOSE
; in:       nothing
; out:      AX = PXE_OK, or PXE_TFTP_CLOSED: it was
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
api_tftp_close:
        cmp     byte [tftp_state], 1
        sbb     ax, ax
        and     ax, PXE_TFTP_CLOSED
        push    ax
        call    tftp_close
        pop     ax
        ret

;---------------------------------------------------------------------------
; api_tftp_read_file - opcode TFTP_READ_FILE
; in:       GS:DI = p_tftp_read_file
; out:      AX = PXE_OK, or a status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
api_tftp_read_file:
        push    di
        mov     edx, [gs:di + p_tftp_read_file.server]
        mov     ebx, [gs:di + p_tftp_read_file.gateway]
        mov     ax, [gs:di + p_tftp_read_file.server_port]
        mov     cx, TFTP_BLOCK_BOOT
        lea     si, [di + p_tftp_read_file.name]
        push    dword [gs:di + p_tftp_read_file.size]
        push    dword [gs:di + p_tftp_read_file.buffer]
        call    api_tftp_server
        pop     edi
        pop     edx
        call    tftp_fetch
        pop     di
        jc      .done
        mov     [gs:di + p_tftp_read_file.size], eax
        xor     ax, ax
.done:
        ret

;---------------------------------------------------------------------------
; api_tftp_get_fsize - opcode TFTP_GET_FSIZE
; in:       GS:DI = p_tftp_size
; out:      AX = PXE_OK, or a status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
api_tftp_get_fsize:
        push    di
        mov     cx, TFTP_BLOCK
        xor     ax, ax
        call    api_tftp_ask
        pop     di
        jc      .done
        mov     ax, PXE_TFTP_NO_SIZE
        test    byte [tftp_state], TFTP_SIZED
        jz      .close
        mov     eax, [tftp_file_size]
        mov     [gs:di + p_tftp_size.size], eax
        xor     ax, ax
.close:
        push    ax
        call    tftp_close
        pop     ax
.done:
        ret

;---------------------------------------------------------------------------
; api_restart_tftp - opcode RESTART_TFTP: another boot program in place of the caller
; in:       GS:DI = p_tftp_read_file
; out:      AX = status; with success it does not return
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
api_restart_tftp:
        call    api_tftp_read_file
        test    ax, ax
        jnz     .done
        mov     ss, ax                  ; the caller is gone, and perhaps his stack with him
        mov     sp, BOOT_ADDRESS
        mov     [pxe_busy], al
        call    pxe_start
        int     18h                     ; it came back: the BIOS has the next device
.done:
        ret
